/// What UAX #29 needs to know of a code point: its Word_Break class and two flags.
struct WordClass: Hashable, Sendable {
    /// The Word_Break property, numbered as in Scripts/generate-word-break-table.py.
    enum Kind: UInt8, Sendable {
        case other, carriageReturn, lineFeed, newline, extend, joiner, format, katakana, hebrewLetter, letter
        case singleQuote, doubleQuote, midNumLet, midLetter, midNum, numeric, extendNumLet
        case regionalIndicator, space
    }

    let bits: UInt8

    var kind: Kind { Kind(rawValue: bits & 0x1F) ?? .other }
    /// Extended_Pictographic: an emoji, or a code point kept for one.
    var isPictographic: Bool { bits & 0x20 != 0 }
    /// A letter, digit, kana or ideograph: what makes a segment a word.
    var isWordlike: Bool { bits & 0x40 != 0 }

    init(_ scalar: Unicode.Scalar) {
        bits = Self.lookup(scalar.value)
    }

    private static func lookup(_ code: UInt32) -> UInt8 {
        if code < flatEnd { return flat[Int(code)] }
        return search(code)
    }

    /// Code points with a byte of their own: the two planes that hold the living scripts and the emoji.
    private static let flatEnd: UInt32 = 0x20000
    private static let flat: [UInt8] = {
        var bytes = [UInt8](repeating: 0, count: Int(flatEnd))
        let ranges = WordBreakTable.ranges
        for (index, entry) in ranges.enumerated() where entry >> 8 < flatEnd {
            let end = index + 1 < ranges.count ? min(ranges[index + 1] >> 8, flatEnd) : flatEnd
            for code in Int(entry >> 8)..<Int(end) { bytes[code] = UInt8(truncatingIfNeeded: entry) }
        }
        return bytes
    }()

    /// The range that holds `code`, by bisection.
    private static func search(_ code: UInt32) -> UInt8 {
        let ranges = WordBreakTable.ranges
        var low = 0
        var high = ranges.count
        while high - low > 1 {
            let middle = (low + high) / 2
            if ranges[middle] >> 8 <= code { low = middle } else { high = middle }
        }
        return UInt8(truncatingIfNeeded: ranges[low])
    }
}

extension WordClass.Kind {
    /// WB4: these belong to the character before them.
    var isIgnored: Bool { self == .extend || self == .joiner || self == .format }
    /// `Newline | CR | LF`: nothing joins across them (WB3a, WB3b).
    var isLineEnd: Bool { self == .carriageReturn || self == .lineFeed || self == .newline }
    /// `AHLetter`.
    var isLetter: Bool { self == .letter || self == .hebrewLetter }
    /// `MidLetter | MidNumLetQ`: joins two letters.
    var joinsLetters: Bool { self == .midLetter || self == .midNumLet || self == .singleQuote }
    /// `MidNum | MidNumLetQ`: joins two digits.
    var joinsDigits: Bool { self == .midNum || self == .midNumLet || self == .singleQuote }
}
