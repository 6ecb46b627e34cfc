/// How a text becomes words.
package enum Tokenizer: String, Sendable, CaseIterable {
    /// Lower-cased words between the word boundaries of UAX #29: segments with a letter, digit, kana or ideograph.
    case unicode
    /// Lower-case, split on U+0020 alone, delete everything outside `[a-zA-Z0-9]`, drop what is empty.
    case ascii
}

/// One class a byte: what the fast path over ASCII must tell apart.
enum ByteClass {
    static let breaker: UInt8 = 0
    static let letter: UInt8 = 1
    static let digit: UInt8 = 2
    static let connector: UInt8 = 3
    /// `.` and `'`: inside a word between two letters, or two digits.
    static let middle: UInt8 = 4
    /// `:`: between two letters.
    static let middleOfLetters: UInt8 = 5
    /// `,` and `;`: between two digits.
    static let middleOfDigits: UInt8 = 6
    static let quote: UInt8 = 7
    static let beyondASCII: UInt8 = 8

    static let table: [UInt8] = (0...255).map { (byte: Int) -> UInt8 in
        switch UInt8(byte) {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"): letter
        case UInt8(ascii: "0")...UInt8(ascii: "9"): digit
        case UInt8(ascii: "_"): connector
        case UInt8(ascii: "."), UInt8(ascii: "'"): middle
        case UInt8(ascii: ":"): middleOfLetters
        case UInt8(ascii: ","), UInt8(ascii: ";"): middleOfDigits
        case UInt8(ascii: "\""): quote
        case 0x80...0xFF: beyondASCII
        default: breaker
        }
    }
}
