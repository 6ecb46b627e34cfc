/// The words of a query: blanks, names, integers, numbers and strings of RFC 9535.
struct JSONPathScanner {
    /// Integers of indices and slices are those that every reader of JSON knows exactly (§2.1).
    private static let maxInteger = 9_007_199_254_740_991

    private let characters: [Unicode.Scalar]
    var index = 0

    init(_ source: String) { characters = Array(source.unicodeScalars) }

    var next: Unicode.Scalar? { index < characters.count ? characters[index] : nil }
    var isAtEnd: Bool { index == characters.count }

    func failure(_ message: String, at offset: Int? = nil) -> JSONPathError {
        JSONPathError(message: message, offset: offset ?? index)
    }

    func starts(with text: String) -> Bool {
        characters[index...].starts(with: text.unicodeScalars)
    }

    /// Past `text`, where it stands here.
    mutating func take(_ text: String) -> Bool {
        guard starts(with: text) else { return false }
        index += text.unicodeScalars.count
        return true
    }

    mutating func skipBlanks() {
        while let next, next == " " || next == "\t" || next == "\n" || next == "\r" { index += 1 }
    }

    /// `what` as in "a closing bracket".
    mutating func expect(_ text: String, _ what: String) throws(JSONPathError) {
        guard take(text) else { throw failure("\(what) is missing") }
    }

    // MARK: Names

    static func beginsName(_ character: Unicode.Scalar) -> Bool {
        switch character {
        case "a"..."z", "A"..."Z", "_": true
        default: character.value >= 0x80
        }
    }

    private static func isDigit(_ character: Unicode.Scalar) -> Bool { "0"..."9" ~= character }

    /// The member name behind a dot (§2.5.1.1).
    mutating func shorthandName() throws(JSONPathError) -> [UInt8] {
        guard let next, Self.beginsName(next) else {
            throw failure("a name or * must follow the dot")
        }
        return Array(word { Self.beginsName($0) || Self.isDigit($0) }.utf8)
    }

    /// Of a function, or `true`, `false`, `null`; empty where none stands here.
    mutating func lowerCaseName() -> String {
        guard let next, "a"..."z" ~= next else { return "" }
        return word { "a"..."z" ~= $0 || $0 == "_" || Self.isDigit($0) }
    }

    private mutating func word(_ belongs: (Unicode.Scalar) -> Bool) -> String {
        var text = String.UnicodeScalarView()
        while let next, belongs(next) {
            text.append(next)
            index += 1
        }
        return String(text)
    }

    // MARK: Numbers

    var beginsNumber: Bool { next.map { $0 == "-" || Self.isDigit($0) } ?? false }

    mutating func integer() throws(JSONPathError) -> Int {
        let start = index
        let text = try integerText(allowsMinusZero: false)
        guard let number = Int(text), (-Self.maxInteger...Self.maxInteger).contains(number) else {
            throw failure("the integer is beyond ±(2^53 - 1)", at: start)
        }
        return number
    }

    private mutating func integerText(allowsMinusZero: Bool) throws(JSONPathError) -> String {
        let start = index
        var text = take("-") ? "-" : ""
        let digits = word(Self.isDigit)
        guard !digits.isEmpty else { throw failure("a digit is missing") }
        if digits.hasPrefix("0"), digits.utf8.count > 1 {
            throw failure("a number has no leading zeros", at: start)
        }
        text += digits
        if text == "-0", !allowsMinusZero { throw failure("-0 is no integer here", at: start) }
        return text
    }

    /// A literal of a filter; as written, which is JSON.
    mutating func number() throws(JSONPathError) -> String {
        var text = try integerText(allowsMinusZero: true)
        if take(".") {
            let digits = word(Self.isDigit)
            guard !digits.isEmpty else { throw failure("a digit must follow the decimal point") }
            text += "." + digits
        }
        if take("e") || take("E") {
            let sign = take("-") ? "-" : take("+") ? "+" : ""
            let digits = word(Self.isDigit)
            guard !digits.isEmpty else { throw failure("a digit is missing in the exponent") }
            text += "e" + sign + digits
        }
        return text
    }

    // MARK: Strings

    var beginsString: Bool { next == "'" || next == "\"" }

    /// In single or double quotes (§2.3.1.1); escapes undone.
    mutating func string() throws(JSONPathError) -> [UInt8] {
        let opening = index
        let quote = characters[index]
        index += 1
        var text = String.UnicodeScalarView()
        while let next {
            if next == quote {
                index += 1
                return Array(String(text).utf8)
            }
            if next == "\\" {
                text.append(try escape(in: quote, from: opening))
            } else if next.value < 0x20 {
                throw failure("a control character must be escaped in a string")
            } else {
                text.append(next)
                index += 1
            }
        }
        throw failure("the string does not end", at: opening)
    }

    private mutating func escape(
        in quote: Unicode.Scalar, from opening: Int
    ) throws(JSONPathError) -> Unicode.Scalar {
        let start = index
        index += 1
        guard let letter = next else { throw failure("the string does not end", at: opening) }
        index += 1
        switch letter {
        case "b": return "\u{08}"
        case "f": return "\u{0C}"
        case "n": return "\n"
        case "r": return "\r"
        case "t": return "\t"
        case "/", "\\", quote: return letter
        case "u": return try unicodeEscape(from: start)
        default: throw failure("unknown escape", at: start)
        }
    }

    private mutating func unicodeEscape(from start: Int) throws(JSONPathError) -> Unicode.Scalar {
        let unit = try hex(from: start)
        if let scalar = Unicode.Scalar(unit) { return scalar }
        guard unit < 0xDC00, take("\\u") else {
            throw failure("a lone surrogate is no character", at: start)
        }
        let low = try hex(from: start)
        guard 0xDC00...0xDFFF ~= low,
            let scalar = Unicode.Scalar(0x10000 + ((unit - 0xD800) << 10) + (low - 0xDC00))
        else { throw failure("a lone surrogate is no character", at: start) }
        return scalar
    }

    private mutating func hex(from start: Int) throws(JSONPathError) -> UInt32 {
        var unit: UInt32 = 0
        for _ in 0..<4 {
            guard let next, next.isASCII, let digit = JSONEscapes.digit(UInt8(next.value)) else {
                throw failure("\\u needs four hexadecimal digits", at: start)
            }
            unit = unit << 4 | UInt32(digit)
            index += 1
        }
        return unit
    }
}
