/// Lower case of code points by Unicode's full mapping, with the final sigma rule (SpecialCasing.txt), as Python's
/// `str.lower()` does. One difference: the context of a sigma is its word, where Python looks beyond.
enum LowerCase {
    /// Copies `text` with its ASCII letters in lower case: the part of the work that the compiler vectorises.
    static func copyASCII(_ text: UnsafeBufferPointer<UInt8>, to target: UnsafeMutableBufferPointer<UInt8>) {
        for index in 0..<text.count {
            let byte = text[index]
            target[index] = byte &- 0x41 < 26 ? byte | 0x20 : byte
        }
    }

    /// Appends the lower case of a word in UTF-8.
    static func append(_ word: ArraySlice<Unicode.Scalar>, to bytes: inout [UInt8]) {
        for index in word.indices { append(word, at: index, to: &bytes) }
    }

    private static func append(_ word: ArraySlice<Unicode.Scalar>, at index: Int, to bytes: inout [UInt8]) {
        let scalar = word[index]
        if scalar.value == 0x3A3 {
            append(isFinal(word, at: index) ? 0x3C2 : 0x3C3, to: &bytes)
        } else if scalar.value == 0x130 {
            // The only code point with a longer lower case: i and a dot above.
            append(0x69, to: &bytes)
            append(0x307, to: &bytes)
        } else {
            append(simple(scalar), to: &bytes)
        }
    }

    /// The lower case of one word in UTF-8.
    static func bytes(of text: String) -> [UInt8] {
        var bytes: [UInt8] = []
        append(Array(text.unicodeScalars)[...], to: &bytes)
        return bytes
    }

    private static func append(_ code: UInt32, to bytes: inout [UInt8]) {
        if code < 0x80 {
            bytes.append(UInt8(code))
        } else if code < 0x800 {
            bytes.append(0xC0 | UInt8(code >> 6))
            bytes.append(0x80 | UInt8(code & 0x3F))
        } else if code < 0x10000 {
            bytes.append(0xE0 | UInt8(code >> 12))
            bytes.append(0x80 | UInt8(code >> 6 & 0x3F))
            bytes.append(0x80 | UInt8(code & 0x3F))
        } else {
            bytes.append(0xF0 | UInt8(code >> 18))
            bytes.append(0x80 | UInt8(code >> 12 & 0x3F))
            bytes.append(0x80 | UInt8(code >> 6 & 0x3F))
            bytes.append(0x80 | UInt8(code & 0x3F))
        }
    }

    private static func simple(_ scalar: Unicode.Scalar) -> UInt32 {
        if scalar.value < cachedEnd { return cached[Int(scalar.value)] }
        return mapping(scalar)
    }

    private static func mapping(_ scalar: Unicode.Scalar) -> UInt32 {
        scalar.properties.lowercaseMapping.unicodeScalars.first?.value ?? scalar.value
    }

    /// The alphabets' part of the first plane, looked up once: the standard library's mapping makes a string each.
    private static let cachedEnd: UInt32 = 0x3000
    private static let cached: [UInt32] = (0..<cachedEnd).map { code in
        Unicode.Scalar(code).map(mapping) ?? code
    }

    /// A cased letter before it and none after it, whatever is case-ignorable left out.
    private static func isFinal(_ word: ArraySlice<Unicode.Scalar>, at index: Int) -> Bool {
        let before = word[..<index].last { !$0.properties.isCaseIgnorable }
        let after = word[(index + 1)...].first { !$0.properties.isCaseIgnorable }
        return before?.properties.isCased == true && after?.properties.isCased != true
    }
}
