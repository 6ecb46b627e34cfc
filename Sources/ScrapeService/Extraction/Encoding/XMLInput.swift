/// An XML page as libxml2's recovering parser must be given it. After the first error in a page (feeds love `&nbsp;`,
/// which XML does not know) that parser drops even `&amp;`, while it keeps character references: so the names that HTML
/// has become numbers, and so does an `&` that begins no reference, as in `?a=1&b=2`. And it ends the page at a
/// character that XML has not: so those are left out.
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

    /// Where an `&` is only that, and what ends it: an instruction, a comment, a section of character data.
    private static let literals: [(start: StaticString, end: StaticString)] = [
        ("<![CDATA[", "]]>"), ("<!--", "-->"), ("<?", "?>"),
    ]

    private static func rewritten(_ input: UnsafeBufferPointer<UInt8>, from start: Int) -> [UInt8] {
        var result: [UInt8] = []
        result.reserveCapacity(input.count + input.count / 16)
        var literalEnd: StaticString?
        var position = start
        while position < input.count {
            let byte = input[position]
            switch byte {
            case UInt8(ascii: "<") where literalEnd == nil:
                if let literal = literals.first(where: { stands($0.start, input, at: position) }) {
                    literalEnd = literal.end
                    let count = literal.start.utf8CodeUnitCount
                    result += input[position..<(position + count)]
                    position += count
                    continue
                }
            case UInt8(ascii: "]"), UInt8(ascii: "-"), UInt8(ascii: "?"):
                if let end = literalEnd, stands(end, input, at: position) { literalEnd = nil }
            case UInt8(ascii: "&") where literalEnd == nil:
                let (numbers, end) = reference(input, at: position)
                result += numbers
                position = end
                continue
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

    private static func stands(
        _ text: StaticString, _ input: UnsafeBufferPointer<UInt8>, at position: Int
    ) -> Bool {
        let count = text.utf8CodeUnitCount
        guard position + count <= input.count else { return false }
        return (0..<count).allSatisfy { input[position + $0] == text.utf8Start[$0] }
    }

    /// U+FFFE and U+FFFF.
    private static func isNoncharacter(_ input: UnsafeBufferPointer<UInt8>, at position: Int) -> Bool {
        position + 2 < input.count && input[position + 1] == 0xBF && input[position + 2] >= 0xBE
    }

    /// What to write for the `&` at `position` and the name behind it.
    private static func reference(
        _ input: UnsafeBufferPointer<UInt8>, at position: Int
    ) -> (numbers: [UInt8], end: Int) {
        if isNumeric(input, at: position) { return ([UInt8(ascii: "&")], position + 1) }
        guard position + 1 < input.count, input[position + 1] != UInt8(ascii: "#"),
            let reference = HTMLReferences.reference(input, at: position, inAttribute: false),
            input[position + reference.byteCount - 1] == UInt8(ascii: ";")
        else { return (Array("&#38;".utf8), position + 1) }
        return (
            reference.text.unicodeScalars.flatMap { "&#\($0.value);".utf8 }, position + reference.byteCount
        )
    }

    /// Whether a character reference of XML stands there (section 4.1).
    private static func isNumeric(_ input: UnsafeBufferPointer<UInt8>, at position: Int) -> Bool {
        guard stands("&#", input, at: position) else { return false }
        let isHexadecimal = stands("&#x", input, at: position)
        let start = position + (isHexadecimal ? 3 : 2)
        var end = start
        while end < input.count, end - start <= maxDigits, isDigit(input[end], isHexadecimal) { end += 1 }
        return end > start && end < input.count && input[end] == UInt8(ascii: ";")
    }

    /// Leading zeros and all; a longer number is none.
    private static let maxDigits = 32

    private static func isDigit(_ byte: UInt8, _ isHexadecimal: Bool) -> Bool {
        switch byte {
        case 0x30...0x39: true
        case 0x41...0x46, 0x61...0x66: isHexadecimal
        default: false
        }
    }
}
