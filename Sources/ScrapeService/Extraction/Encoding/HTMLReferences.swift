/// Character references as HTML reads them (13.2.5.72 to 80), for a parser that knows HTML 4's.
enum HTMLReferences {
    typealias Bytes = UnsafeBufferPointer<UInt8>

    struct Name: Sendable {
        var text: String
        /// HTML 4 had it with the same meaning.
        var isInHTML4: Bool
        var countsWithoutSemicolon: Bool
    }

    /// What stands for a reference, and the bytes that it takes.
    struct Reference {
        var text: String
        var byteCount: Int
    }

    static let names: [String: Name] = {
        var names: [String: Name] = [:]
        for word in String(describing: HTMLReferenceTable.words).split(separator: " ") {
            guard let end = word.firstIndex(where: { ":=!?".contains($0) }) else { continue }
            let scalars = word[word.index(after: end)...].split(separator: "-")
                .compactMap { UInt32($0, radix: 16).flatMap(Unicode.Scalar.init) }
            names[String(word[..<end])] = Name(
                text: String(String.UnicodeScalarView(scalars)), isInHTML4: "=!".contains(word[end]),
                countsWithoutSemicolon: "!?".contains(word[end]))
        }
        return names
    }()

    private static let maxNameBytes = names.keys.map(\.utf8.count).max() ?? 0
    private static let maxLegacyNameBytes =
        names.filter(\.value.countsWithoutSemicolon).keys.map(\.utf8.count).max() ?? 0

    /// The reference that the `&` at `position` begins; nil where it is only that. In an attribute a name without its
    /// semicolon is none where the value goes on as a query's would.
    static func reference(_ bytes: Bytes, at position: Int, inAttribute: Bool) -> Reference? {
        guard position + 1 < bytes.count else { return nil }
        if bytes[position + 1] == UInt8(ascii: "#") { return numeric(bytes, at: position) }
        let start = position + 1
        let length = nameLength(bytes, at: start)
        guard length > 0 else { return nil }
        let end = start + length
        if end < bytes.count, bytes[end] == UInt8(ascii: ";"), let known = names[name(bytes, start, length)] {
            return Reference(text: known.text, byteCount: length + 2)
        }
        guard let (legacy, known) = legacyName(bytes, start, length) else { return nil }
        let next = start + legacy
        if inAttribute, next < bytes.count, bytes[next] == UInt8(ascii: "=") || isAlphanumeric(bytes[next]) {
            return nil
        }
        return Reference(text: known, byteCount: legacy + 1)
    }

    /// Whether the `&` at `position` means the same to a parser that knows HTML 4's names, needs their semicolon, and
    /// takes numbers as they are.
    static func isPlain(_ bytes: Bytes, at position: Int) -> Bool {
        guard position + 1 < bytes.count else { return true }
        if bytes[position + 1] == UInt8(ascii: "#") { return isPlainNumber(bytes, at: position) }
        let start = position + 1
        if plainNames.contains(where: { stands($0, bytes, at: start) }) { return true }
        let length = nameLength(bytes, at: start)
        guard length > 0 else { return true }
        if start + length < bytes.count, bytes[start + length] == UInt8(ascii: ";"),
            let known = names[name(bytes, start, length)]
        {
            return known.isInHTML4
        }
        return legacyName(bytes, start, length) == nil
    }

    /// Most references of most pages.
    private static let plainNames: [StaticString] = ["amp;", "nbsp;", "quot;", "lt;", "gt;"]

    private static func stands(_ text: StaticString, _ bytes: Bytes, at position: Int) -> Bool {
        guard position + text.utf8CodeUnitCount <= bytes.count else { return false }
        for index in 0..<text.utf8CodeUnitCount where bytes[position + index] != text.utf8Start[index] {
            return false
        }
        return true
    }

    // MARK: Names

    private static func isAlphanumeric(_ byte: UInt8) -> Bool {
        (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
    }

    private static func nameLength(_ bytes: Bytes, at start: Int) -> Int {
        var length = 0
        while start + length < bytes.count, length <= maxNameBytes, isAlphanumeric(bytes[start + length]) {
            length += 1
        }
        return length
    }

    private static func name(_ bytes: Bytes, _ start: Int, _ length: Int) -> String {
        String(decoding: UnsafeBufferPointer(rebasing: bytes[start..<(start + length)]), as: UTF8.self)
    }

    /// The longest name without a semicolon that stands there.
    private static func legacyName(_ bytes: Bytes, _ start: Int, _ length: Int) -> (
        length: Int, text: String
    )? {
        for length in stride(from: min(length, maxLegacyNameBytes), to: 1, by: -1) {
            if let known = names[name(bytes, start, length)], known.countsWithoutSemicolon {
                return (length, known.text)
            }
        }
        return nil
    }

    // MARK: Numbers

    private struct Number {
        /// At most 0x110000, which is no character either.
        var value: UInt32 = 0
        var byteCount: Int
    }

    /// Nil without a digit.
    private static func number(_ bytes: Bytes, at position: Int) -> Number? {
        var index = position + 2
        let isHexadecimal = index < bytes.count && bytes[index] | 0x20 == UInt8(ascii: "x")
        if isHexadecimal { index += 1 }
        let start = index
        var value: UInt32 = 0
        while index < bytes.count, let digit = digit(bytes[index], isHexadecimal: isHexadecimal) {
            value = min(value * (isHexadecimal ? 16 : 10) + digit, 0x110000)
            index += 1
        }
        guard index > start else { return nil }
        if index < bytes.count, bytes[index] == UInt8(ascii: ";") { index += 1 }
        return Number(value: value, byteCount: index - position)
    }

    private static func digit(_ byte: UInt8, isHexadecimal: Bool) -> UInt32? {
        switch byte {
        case 0x30...0x39: UInt32(byte - 0x30)
        case 0x41...0x46 where isHexadecimal: UInt32(byte - 0x37)
        case 0x61...0x66 where isHexadecimal: UInt32(byte - 0x57)
        default: nil
        }
    }

    private static func numeric(_ bytes: Bytes, at position: Int) -> Reference? {
        guard let number = number(bytes, at: position) else { return nil }
        return Reference(text: String(Character(character(number.value))), byteCount: number.byteCount)
    }

    /// Section 13.2.5.80: 0x80 to 0x9F are windows-1252's.
    private static func character(_ value: UInt32) -> Unicode.Scalar {
        let isUpperControl = (0x80...0x9F).contains(value)
        let mapped = isUpperControl ? upperControls[Int(value - 0x80)] : value
        return mapped == 0 ? "\u{FFFD}" : Unicode.Scalar(mapped) ?? "\u{FFFD}"
    }

    private static let upperControls: [UInt32] = [
        0x20AC, 0x81, 0x201A, 0x192, 0x201E, 0x2026, 0x2020, 0x2021, 0x2C6, 0x2030, 0x160, 0x2039, 0x152,
        0x8D,
        0x17D, 0x8F, 0x90, 0x2018, 0x2019, 0x201C, 0x201D, 0x2022, 0x2013, 0x2014, 0x2DC, 0x2122, 0x161,
        0x203A,
        0x153, 0x9D, 0x17E, 0x178,
    ]

    private static func isPlainNumber(_ bytes: Bytes, at position: Int) -> Bool {
        guard let number = number(bytes, at: position) else { return false }
        switch number.value {
        case 0x09, 0x0A, 0x0D, 0x20...0x7F, 0xA0...0xD7FF, 0xE000...0xFFFD, 0x10000...0x10FFFF: return true
        default: return false
        }
    }
}
