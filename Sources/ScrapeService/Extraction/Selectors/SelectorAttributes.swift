/// `[name operator value flag]`.
extension SelectorParser {
    /// The cursor is on the bracket.
    mutating func attributeCondition() throws -> AttributeCondition {
        scanner.advance()
        try scanner.skipSpace()
        let start = scanner.offset
        if scanner.peek() == "*" || scanner.peek() == "|" {
            throw scanner.failure("namespaces are not supported: write the name without \"…|\"")
        }
        var condition = AttributeCondition(name: try scanner.identifier("an attribute name"))
        if scanner.peek() == "|", scanner.peek(1) != "=" {
            throw scanner.failure("namespaces are not supported: write the name without \"…|\"", at: start)
        }
        try scanner.skipSpace()
        if scanner.take("]") { return condition }
        condition.comparison = try attributeOperator()
        try scanner.skipSpace()
        condition.value = try attributeValue()
        try scanner.skipSpace()
        condition.ignoresCase = try caseFlag()
        try scanner.skipSpace()
        guard scanner.take("]") else { throw scanner.failure("expected \"]\", found \(scanner.found)") }
        return condition
    }

    private mutating func attributeOperator() throws -> AttributeCondition.Operator {
        if scanner.take("=") { return .equals }
        let operators: [Unicode.Scalar: AttributeCondition.Operator] = [
            "~": .includesWord, "|": .equalsOrDash, "^": .startsWith, "$": .endsWith, "*": .contains,
        ]
        guard let sign = scanner.peek(), scanner.peek(1) == "=", let comparison = operators[sign] else {
            let hint = scanner.peek() == "!" ? " (write \":not([name=value])\")" : ""
            throw scanner.failure("expected \"]\" or one of = ~= |= ^= $= *=, found \(scanner.found)\(hint)")
        }
        scanner.advance(by: 2)
        return comparison
    }

    /// Quoted, or a run of name characters: `[data-id=12]` is taken too, though CSS wants quotes there.
    private mutating func attributeValue() throws -> String {
        if scanner.peek() == "\"" || scanner.peek() == "'" { return try scanner.string() }
        return try scanner.name("a value (in quotes where it is no plain word)")
    }

    private mutating func caseFlag() throws -> Bool {
        switch scanner.peek() {
        case "i", "I":
            scanner.advance()
            return true
        case "s", "S":
            scanner.advance()
            return false
        default:
            return false
        }
    }
}
