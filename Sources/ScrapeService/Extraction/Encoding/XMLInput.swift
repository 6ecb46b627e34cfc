/// An XML page as libxml2's recovering parser must be given it. After the first error in a page (feeds love `&nbsp;`,
/// which XML does not know) that parser drops even `&amp;`, while it keeps character references: so the names that HTML
/// has become numbers. And it ends the page at a character that XML has not: so those are left out.
struct XMLInput {
    let bytes: [UInt8]
    let start: Int

    init(_ text: PageText) {
        guard text.hasOddities || text.bytes[text.start...].contains(UInt8(ascii: "&")) else {
            bytes = text.bytes
            start = text.start
            return
        }
        bytes = text.bytes.withUnsafeBufferPointer { Self.rewritten($0, from: text.start) }
        start = 0
    }

    private static func rewritten(_ input: UnsafeBufferPointer<UInt8>, from start: Int) -> [UInt8] {
        var result: [UInt8] = []
        result.reserveCapacity(input.count + input.count / 16)
        var isInCDATA = false
        var position = start
        while position < input.count {
            let byte = input[position]
            switch byte {
            case UInt8(ascii: "<") where input[position...].starts(with: "<![CDATA[".utf8): isInCDATA = true
            case UInt8(ascii: "]") where input[position...].starts(with: "]]>".utf8): isInCDATA = false
            case UInt8(ascii: "&") where !isInCDATA:
                if let (numbers, end) = namedReference(input, at: position) {
                    result += numbers
                    position = end
                    continue
                }
            case 0..<0x09, 0x0B, 0x0C, 0x0E..<0x20:
                position += 1
                continue
            case 0xEF where isNoncharacter(input, at: position):
                position += 3
                continue
            default: break
            }
            result.append(byte)
            position += 1
        }
        return result
    }

    /// U+FFFE and U+FFFF.
    private static func isNoncharacter(_ input: UnsafeBufferPointer<UInt8>, at position: Int) -> Bool {
        position + 2 < input.count && input[position + 1] == 0xBF && input[position + 2] >= 0xBE
    }

    private static func namedReference(
        _ input: UnsafeBufferPointer<UInt8>, at position: Int
    ) -> (numbers: [UInt8], end: Int)? {
        guard position + 1 < input.count, input[position + 1] != UInt8(ascii: "#"),
            let reference = HTMLReferences.reference(input, at: position, inAttribute: false)
        else { return nil }
        let end = position + reference.byteCount
        guard input[end - 1] == UInt8(ascii: ";") else { return nil }
        return (reference.text.unicodeScalars.flatMap { "&#\($0.value);".utf8 }, end)
    }
}
