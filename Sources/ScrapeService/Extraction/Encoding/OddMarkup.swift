/// Looks for markup that a parser of HTML 4 takes for something else than HTML does. What is found may be none after all:
/// only ``HTMLRewriter`` knows where scripts and comments end.
enum OddMarkup {
    typealias Bytes = UnsafeBufferPointer<UInt8>

    static func isIn(_ bytes: [UInt8], from start: Int) -> Bool {
        bytes.withUnsafeBufferPointer { input in
            var position = start
            while let found = HTMLInput.index(of: UInt8(ascii: "<"), in: input, from: position) {
                if isOdd(input, at: found + 1) { return true }
                position = found + 1
            }
            return false
        }
    }

    /// What stands behind a `<`.
    private static func isOdd(_ bytes: Bytes, at position: Int) -> Bool {
        guard position + 1 < bytes.count else { return false }
        switch bytes[position] | 0x20 {
        case UInt8(ascii: "!"):
            if stands("!--", bytes, at: position) {
                return stands(">", bytes, at: position + 3) || stands("->", bytes, at: position + 3)
            }
            return !stands("!doctype", bytes, at: position)
        case UInt8(ascii: "/"):
            return !(UInt8(ascii: "a")...UInt8(ascii: "z")).contains(bytes[position + 1] | 0x20)
        case UInt8(ascii: "t"):
            return holdsMarkup("title", bytes, at: position) || holdsMarkup("textarea", bytes, at: position)
        case UInt8(ascii: "i"): return holdsMarkup("iframe", bytes, at: position)
        case UInt8(ascii: "n"):
            return holdsMarkup("noembed", bytes, at: position) || holdsMarkup("noframes", bytes, at: position)
        case UInt8(ascii: "x"): return stands("xmp", bytes, at: position)
        case UInt8(ascii: "p"): return stands("plaintext", bytes, at: position)
        default: return false
        }
    }

    /// Whether what follows the tag is anything but text and the end tag.
    private static func holdsMarkup(_ name: StaticString, _ bytes: Bytes, at position: Int) -> Bool {
        guard stands(name, bytes, at: position) else { return false }
        // The next tag first: the end of this one may be megabytes away.
        guard let next = HTMLInput.index(of: UInt8(ascii: "<"), in: bytes, from: position),
            let tagEnd = bytes[position..<next].firstIndex(of: UInt8(ascii: ">")),
            stands("/", bytes, at: next + 1), stands(name, bytes, at: next + 2)
        else { return true }
        // Only the first two read references.
        return bytes[position] | 0x20 != UInt8(ascii: "t") && bytes[tagEnd..<next].contains(UInt8(ascii: "&"))
    }

    /// In either case.
    private static func stands(_ text: StaticString, _ bytes: Bytes, at position: Int) -> Bool {
        guard position + text.utf8CodeUnitCount <= bytes.count else { return false }
        for index in 0..<text.utf8CodeUnitCount {
            let byte = bytes[position + index]
            let isUpper = (0x41...0x5A).contains(byte)
            if (isUpper ? byte | 0x20 : byte) != text.utf8Start[index] { return false }
        }
        return true
    }
}
