/// Reads the tokens of a selector (CSS Syntax Level 3, section 4), one character at a time.
struct SelectorScanner {
    private let scalars: [Unicode.Scalar]
    /// Unicode scalars read so far.
    private(set) var offset = 0

    init(_ source: String) {
        scalars = Array(source.unicodeScalars)
    }

    var isAtEnd: Bool { offset >= scalars.count }
    var count: Int { scalars.count }

    func peek(_ ahead: Int = 0) -> Unicode.Scalar? {
        offset + ahead < scalars.count ? scalars[offset + ahead] : nil
    }

    mutating func advance(by count: Int = 1) {
        offset += count
    }

    mutating func take(_ scalar: Unicode.Scalar) -> Bool {
        guard peek() == scalar else { return false }
        offset += 1
        return true
    }

    /// What stands at the cursor, for messages.
    var found: String {
        guard let next = peek() else { return "the end" }
        return "\"\(next)\""
    }

    func failure(_ message: String, at position: Int? = nil) -> SelectorError {
        SelectorError(message: message, offset: min(position ?? offset, scalars.count))
    }

    /// A comment separates nothing: `.a/**/.b` is one compound.
    mutating func skipComments() throws {
        while peek() == "/", peek(1) == "*" {
            let start = offset
            advance(by: 2)
            while !(peek() == "*" && peek(1) == "/") {
                guard !isAtEnd else { throw failure("this comment never ends", at: start) }
                advance()
            }
            advance(by: 2)
        }
    }

    /// Skips white space and comments; true where there was white space.
    @discardableResult
    mutating func skipSpace() throws -> Bool {
        var skipped = false
        while true {
            try skipComments()
            guard let next = peek(), next.isCSSSpace else { return skipped }
            advance()
            skipped = true
        }
    }

    /// Whether an identifier starts `ahead` scalars from here.
    func startsIdentifier(_ ahead: Int = 0) -> Bool {
        guard let first = peek(ahead) else { return false }
        if first == "-" {
            guard let second = peek(ahead + 1) else { return false }
            return second == "-" || second.isNameStart || isEscape(ahead + 1)
        }
        return first.isNameStart || isEscape(ahead)
    }

    private func isEscape(_ ahead: Int) -> Bool {
        guard peek(ahead) == "\\", let next = peek(ahead + 1) else { return false }
        return !next.isNewline
    }

    mutating func identifier(_ what: @autoclosure () -> String) throws -> String {
        guard startsIdentifier() else { throw failure("expected \(what()), found \(found)") }
        return try name(what())
    }

    /// A run of name characters, which unlike an identifier may start with a digit.
    mutating func name(_ what: @autoclosure () -> String) throws -> String {
        var result = String.UnicodeScalarView()
        while let next = peek() {
            if next.isNamePart {
                result.append(next)
                advance()
            } else if isEscape(0) {
                result.append(escape())
            } else {
                break
            }
        }
        guard !result.isEmpty else { throw failure("expected \(what()), found \(found)") }
        return String(result)
    }

    /// The cursor is on the quotation mark.
    mutating func string() throws -> String {
        let start = offset
        let quote = peek()
        advance()
        var result = String.UnicodeScalarView()
        while let next = peek() {
            if next == quote {
                advance()
                return String(result)
            }
            if next == "\\", let after = peek(1) {
                if after.isNewline {
                    advance(by: after == "\r" && peek(2) == "\n" ? 3 : 2)
                } else {
                    result.append(escape())
                }
                continue
            }
            guard !next.isNewline else { break }
            result.append(next)
            advance()
        }
        throw failure("this string never ends", at: start)
    }

    /// The cursor is on the backslash (section 4.3.7).
    private mutating func escape() -> Unicode.Scalar {
        advance()
        var value: UInt32 = 0
        var digits = 0
        while digits < 6, let digit = peek()?.hexDigitValue {
            value = value << 4 | digit
            digits += 1
            advance()
        }
        if digits == 0 {
            let literal = peek() ?? "\u{FFFD}"
            advance()
            return literal
        }
        if peek() == "\r", peek(1) == "\n" { advance() }
        if let next = peek(), next.isCSSSpace { advance() }
        return value == 0 ? "\u{FFFD}" : Unicode.Scalar(value) ?? "\u{FFFD}"
    }
}

extension Unicode.Scalar {
    var isCSSSpace: Bool { self == " " || self == "\t" || isNewline }

    fileprivate var isNewline: Bool { self == "\n" || self == "\r" || self == "\u{0C}" }

    fileprivate var isNameStart: Bool {
        ("a"..."z").contains(self) || ("A"..."Z").contains(self) || self == "_" || value >= 0x80
    }

    fileprivate var isNamePart: Bool { isNameStart || isDigit || self == "-" }

    var isDigit: Bool { ("0"..."9").contains(self) }

    fileprivate var hexDigitValue: UInt32? {
        switch self {
        case "0"..."9": value - 0x30
        case "a"..."f": value - 0x61 + 10
        case "A"..."F": value - 0x41 + 10
        default: nil
        }
    }
}
