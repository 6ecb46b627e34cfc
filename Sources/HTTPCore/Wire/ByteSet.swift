/// A set of bytes as 256 bits, for the character classes of the grammars.
struct ByteSet: Sendable {
    private let low: UInt64
    private let second: UInt64
    private let third: UInt64
    private let high: UInt64

    private init(_ low: UInt64, _ second: UInt64, _ third: UInt64, _ high: UInt64) {
        (self.low, self.second, self.third, self.high) = (low, second, third, high)
    }

    init(_ bytes: some Sequence<UInt8>) {
        var words: (UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0)
        for byte in bytes {
            let bit = UInt64(1) << UInt64(byte & 63)
            switch byte >> 6 {
            case 0: words.0 |= bit
            case 1: words.1 |= bit
            case 2: words.2 |= bit
            default: words.3 |= bit
            }
        }
        self.init(words.0, words.1, words.2, words.3)
    }

    @inline(__always)
    func contains(_ byte: UInt8) -> Bool {
        let word =
            switch byte >> 6 {
            case 0: low
            case 1: second
            case 2: third
            default: high
            }
        return word >> UInt64(byte & 63) & 1 != 0
    }

    /// `tchar`: `!#$%&'*+-.^_|~`, backtick, digits and letters (RFC 9110, section 5.6.2).
    static let token = ByteSet(0x03FF_6CFA_0000_0000, 0x57FF_FFFF_C7FF_FFFE, 0, 0)
    /// `unreserved` and `sub-delims` (RFC 3986, section 2), which a `reg-name` is made of.
    static let registeredName = ByteSet(0x2BFF_7FD2_0000_0000, 0x47FF_FFFE_87FF_FFFE, 0, 0)
}

/// The bytes that the grammars name.
enum Byte {
    static let tab = UInt8(ascii: "\t")
    static let lineFeed = UInt8(ascii: "\n")
    static let carriageReturn = UInt8(ascii: "\r")
    static let space = UInt8(ascii: " ")
    static let colon = UInt8(ascii: ":")
    static let semicolon = UInt8(ascii: ";")
    static let comma = UInt8(ascii: ",")
    static let slash = UInt8(ascii: "/")
    static let question = UInt8(ascii: "?")
    static let delete: UInt8 = 0x7F

    /// What may stand in a field value: VCHAR, SP, HTAB, obs-text (RFC 9110, section 5.5).
    @inline(__always)
    static func isFieldContent(_ byte: UInt8) -> Bool {
        byte >= space ? byte != delete : byte == tab
    }

    /// The first position in `start..<end` whose byte may not stand in a field value; `end` when all may.
    static func endOfFieldContent(_ bytes: UnsafeRawBufferPointer, from start: Int, to end: Int) -> Int {
        var position = start
        // Eight bytes at a time, as long as none is a control; HTAB is one.
        while position + 8 <= end {
            let word = bytes.loadUnaligned(fromByteOffset: position, as: UInt64.self)
            if hasControl(word) { break }
            position += 8
        }
        while position < end, isFieldContent(bytes[position]) { position += 1 }
        return position
    }

    /// Whether one of eight bytes is less than SP, or DEL: bit tricks that look at all of them at once.
    @inline(__always)
    private static func hasControl(_ word: UInt64) -> Bool {
        let ones: UInt64 = 0x0101_0101_0101_0101
        let highs: UInt64 = 0x8080_8080_8080_8080
        let lessThanSpace = (word &- ones &* 0x20) & ~word
        let unlikeDelete = word ^ (ones &* 0x7F)
        return (lessThanSpace | (unlikeDelete &- ones) & ~unlikeDelete) & highs != 0
    }

    @inline(__always)
    static func isDigit(_ byte: UInt8) -> Bool { byte &- UInt8(ascii: "0") < 10 }

    @inline(__always)
    static func lowercased(_ byte: UInt8) -> UInt8 {
        byte &- UInt8(ascii: "A") < 26 ? byte | 0x20 : byte
    }

    @inline(__always)
    static func hexValue(_ byte: UInt8) -> UInt8? {
        if isDigit(byte) { return byte - UInt8(ascii: "0") }
        let letter = lowercased(byte) &- UInt8(ascii: "a")
        return letter < 6 ? letter + 10 : nil
    }
}

extension Span<UInt8> {
    /// Whether the bytes of `range` are `text`, which is in lower case, in any case.
    func matches(_ range: Range<Int>, caseInsensitively text: StaticString) -> Bool {
        guard range.count == text.utf8CodeUnitCount else { return false }
        for index in 0..<range.count
        where Byte.lowercased(self[range.lowerBound + index]) != text.utf8Start[index] {
            return false
        }
        return true
    }

    /// Whether `HTTP/1.1` and CRLF stand at `start`, behind which ten bytes are there.
    func isVersion11(at start: Int) -> Bool {
        precondition(start >= 0 && start <= count - 10)
        return extracting(unchecked: start..<start + 10).withUnsafeBufferPointer { bytes in
            let raw = UnsafeRawPointer(bytes.baseAddress!)
            // Little-endian, as every platform of ours is: "HTTP/1.1", then CRLF.
            return raw.loadUnaligned(as: UInt64.self) == 0x312E_312F_5054_5448
                && raw.loadUnaligned(fromByteOffset: 8, as: UInt16.self) == 0x0A0D
        }
    }

    /// The first position from `start` on whose byte may not stand in a field value; `end` when all may.
    func endOfFieldContent(from start: Int, to end: Int) -> Int {
        precondition(start >= 0 && start <= end && end <= count)
        return withUnsafeBytes { Byte.endOfFieldContent($0, from: start, to: end) }
    }
}
