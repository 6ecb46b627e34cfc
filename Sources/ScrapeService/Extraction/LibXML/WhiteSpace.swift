/// Unicode's `White_Space` in UTF-8 (PropList.txt): U+0009…000D, 0020, 0085, 00A0, 1680, 2000…200A, 2028,
/// 2029, 202F, 205F, 3000.
enum WhiteSpace {
    /// What is left when white space at both ends is taken off.
    static func trimmedRange(_ bytes: UnsafeBufferPointer<UInt8>) -> Range<Int> {
        var start = 0
        var end = bytes.count
        while start < end {
            let length = leadingLength(bytes, at: start, end: end)
            guard length > 0 else { break }
            start += length
        }
        while end > start {
            let length = trailingLength(bytes, start: start, end: end)
            guard length > 0 else { break }
            end -= length
        }
        return start..<end
    }

    private static func isASCIISpace(_ byte: UInt8) -> Bool { byte == 0x20 || (0x09...0x0D).contains(byte) }

    private static func leadingLength(_ bytes: UnsafeBufferPointer<UInt8>, at index: Int, end: Int) -> Int {
        let first = bytes[index]
        if first < 0x80 { return isASCIISpace(first) ? 1 : 0 }
        if index + 1 < end, isTwoByteSpace(first, bytes[index + 1]) { return 2 }
        if index + 2 < end, isThreeByteSpace(first, bytes[index + 1], bytes[index + 2]) { return 3 }
        return 0
    }

    private static func trailingLength(_ bytes: UnsafeBufferPointer<UInt8>, start: Int, end: Int) -> Int {
        let last = bytes[end - 1]
        if last < 0x80 { return isASCIISpace(last) ? 1 : 0 }
        if end - 2 >= start, isTwoByteSpace(bytes[end - 2], last) { return 2 }
        if end - 3 >= start, isThreeByteSpace(bytes[end - 3], bytes[end - 2], last) { return 3 }
        return 0
    }

    private static func isTwoByteSpace(_ first: UInt8, _ second: UInt8) -> Bool {
        first == 0xC2 && (second == 0x85 || second == 0xA0)
    }

    private static func isThreeByteSpace(_ first: UInt8, _ second: UInt8, _ third: UInt8) -> Bool {
        switch (first, second) {
        case (0xE1, 0x9A), (0xE3, 0x80): third == 0x80
        case (0xE2, 0x80): (0x80...0x8A).contains(third) || third == 0xA8 || third == 0xA9 || third == 0xAF
        case (0xE2, 0x81): third == 0x9F
        default: false
        }
    }
}
