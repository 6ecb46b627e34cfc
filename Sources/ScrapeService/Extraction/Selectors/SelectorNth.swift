/// The `an+b` notation (CSS Syntax Level 3, section 6), by characters rather than tokens.
extension SelectorParser {
    /// The opening parenthesis is read.
    mutating func nthCondition(fromEnd: Bool, ofType: Bool) throws -> NthCondition {
        try scanner.skipSpace()
        var condition = NthCondition(step: 0, offset: 0, fromEnd: fromEnd, ofType: ofType)
        if let keyword = try parityKeyword() {
            condition.step = 2
            condition.offset = keyword == "odd" ? 1 : 0
        } else {
            try readFormula(into: &condition)
        }
        try scanner.skipSpace()
        if scanner.peek() == "o" || scanner.peek() == "O" {
            throw scanner.failure("\"of …\" is not supported inside :nth-child()")
        }
        try closeParenthesis()
        return condition
    }

    private mutating func parityKeyword() throws -> String? {
        guard let first = scanner.peek(), "eEoO".unicodeScalars.contains(first) else { return nil }
        let start = scanner.offset
        let word = try scanner.identifier("odd, even or a formula such as 2n+1").asciiLowercased
        guard word == "odd" || word == "even" else {
            throw scanner.failure("expected odd, even or a formula such as 2n+1", at: start)
        }
        return word
    }

    private mutating func readFormula(into condition: inout NthCondition) throws {
        let start = scanner.offset
        let sign = readSign() ?? 1
        let number = try readDigits()
        guard scanner.peek() == "n" || scanner.peek() == "N" else {
            guard let number else {
                throw scanner.failure("expected odd, even or a formula such as 2n+1", at: start)
            }
            condition.offset = sign * number
            return
        }
        scanner.advance()
        condition.step = sign * (number ?? 1)
        try scanner.skipSpace()
        guard let offsetSign = readSign() else { return }
        try scanner.skipSpace()
        guard let offset = try readDigits() else {
            throw scanner.failure("expected a number, found \(scanner.found)")
        }
        condition.offset = offsetSign * offset
    }

    private mutating func readSign() -> Int? {
        if scanner.take("+") { return 1 }
        return scanner.take("-") ? -1 : nil
    }

    /// A page has fewer siblings than this, so a larger number says the same.
    private static let maxNumber = 1_000_000_000

    private mutating func readDigits() throws -> Int? {
        guard let first = scanner.peek(), first.isDigit else { return nil }
        var value = 0
        while let digit = scanner.peek(), digit.isDigit {
            value = min(value * 10 + Int(digit.value - 0x30), Self.maxNumber)
            scanner.advance()
        }
        return value
    }
}
