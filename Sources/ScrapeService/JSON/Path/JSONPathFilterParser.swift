/// What stands behind `?`: logical expressions, comparisons and functions (RFC 9535 §2.3.5, §2.4).
extension JSONPathParser {
    /// A part of an expression before it is known what it is used for.
    private enum Term {
        case literal(JSONPath.Operand)
        case query(JSONPath)
        /// A function whose result is a value.
        case value(JSONPath.Operand)
        /// A function whose result is true or false.
        case test(JSONPath.PatternTest)
    }

    /// `||` binds weaker than `&&`.
    mutating func parseCondition() throws(JSONPathError) -> JSONPath.Condition {
        var alternatives = [try parseConjunction()]
        while takeOperator("||") { alternatives.append(try parseConjunction()) }
        return alternatives.count == 1 ? alternatives[0] : .or(alternatives)
    }

    private mutating func parseConjunction() throws(JSONPathError) -> JSONPath.Condition {
        var parts = [try parseBasic()]
        while takeOperator("&&") { parts.append(try parseBasic()) }
        return parts.count == 1 ? parts[0] : .and(parts)
    }

    /// Past the operator and the blanks on both sides; where it is another, nothing is taken.
    private mutating func takeOperator(_ text: String) -> Bool {
        let start = scanner.index
        scanner.skipBlanks()
        guard scanner.take(text) else {
            scanner.index = start
            return false
        }
        scanner.skipBlanks()
        return true
    }

    private mutating func parseBasic() throws(JSONPathError) -> JSONPath.Condition {
        let start = scanner.index
        let isNegated = scanner.take("!")
        if isNegated { scanner.skipBlanks() }
        if scanner.take("(") {
            let condition = try nested { parser throws(JSONPathError) in
                parser.scanner.skipBlanks()
                let condition = try parser.parseCondition()
                parser.scanner.skipBlanks()
                try parser.scanner.expect(")", "a closing parenthesis")
                return condition
            }
            return isNegated ? .not(condition) : condition
        }
        let first = scanner.index
        let term = try parseTerm()
        guard let comparison = takeComparison() else {
            let test = try condition(term, at: first)
            return isNegated ? .not(test) : test
        }
        if isNegated { throw scanner.failure("! takes no comparison without parentheses", at: start) }
        let second = scanner.index
        return .compare(
            try operand(term, at: first), comparison, try operand(try parseTerm(), at: second))
    }

    private mutating func takeComparison() -> JSONPath.Comparison? {
        // The longer ones stand first.
        JSONPath.Comparison.allCases.first { takeOperator($0.rawValue) }
    }

    private func condition(_ term: Term, at offset: Int) throws(JSONPathError) -> JSONPath.Condition {
        switch term {
        case .query(let path): return .exists(path)
        case .test(let test): return .matches(test)
        case .literal: throw scanner.failure("a literal must be compared", at: offset)
        case .value: throw scanner.failure("the function's value must be compared", at: offset)
        }
    }

    private func operand(_ term: Term, at offset: Int) throws(JSONPathError) -> JSONPath.Operand {
        switch term {
        case .literal(let literal): return literal
        case .value(let function): return function
        case .test: throw scanner.failure("the function's result cannot be compared", at: offset)
        case .query(let path):
            guard path.isSingular else {
                throw scanner.failure(
                    "only a query that selects one node at most has a value here", at: offset)
            }
            return .query(path)
        }
    }

    // MARK: Terms

    private mutating func parseTerm() throws(JSONPathError) -> Term {
        if scanner.beginsString { return .literal(.string(try scanner.string())) }
        if scanner.beginsNumber { return .literal(.number(try scanner.number())) }
        if scanner.next == "@" || scanner.next == "$" { return .query(try parseInnerQuery()) }
        let start = scanner.index
        let name = scanner.lowerCaseName()
        guard scanner.next == "(" else {
            switch name {
            case "true": return .literal(.boolean(true))
            case "false": return .literal(.boolean(false))
            case "null": return .literal(.null)
            case "": throw scanner.failure("a query, a literal or a function is missing")
            default: throw scanner.failure("\(name) is neither a literal nor a function", at: start)
            }
        }
        scanner.index += 1
        return try nested { parser throws(JSONPathError) in
            try parser.parseFunction(name, at: start)
        }
    }

    // MARK: Functions

    /// Behind the opening parenthesis. The types of parameters and results are §2.4.4 to §2.4.8's.
    private mutating func parseFunction(_ name: String, at start: Int) throws(JSONPathError) -> Term {
        switch name {
        case "length":
            let value = try parseValueArgument()
            try endArguments(of: name)
            return .value(.length(value))
        case "count", "value":
            let path = try parseNodesArgument(of: name)
            try endArguments(of: name)
            return .value(name == "count" ? .count(path) : .value(path))
        case "match", "search":
            let text = try parseValueArgument()
            scanner.skipBlanks()
            try scanner.expect(",", "the second argument of \(name)()")
            let pattern = try parseValueArgument()
            try endArguments(of: name)
            return .test(JSONPath.PatternTest(text: text, pattern: pattern, isWhole: name == "match"))
        default:
            throw scanner.failure("there is no function \(name)()", at: start)
        }
    }

    private mutating func parseValueArgument() throws(JSONPathError) -> JSONPath.Operand {
        scanner.skipBlanks()
        let start = scanner.index
        let value = try operand(try parseTerm(), at: start)
        return value
    }

    private mutating func parseNodesArgument(of name: String) throws(JSONPathError) -> JSONPath {
        scanner.skipBlanks()
        guard scanner.next == "@" || scanner.next == "$" else {
            throw scanner.failure("\(name)() takes a query")
        }
        return try parseInnerQuery()
    }

    private mutating func endArguments(of name: String) throws(JSONPathError) {
        scanner.skipBlanks()
        if scanner.next == "," { throw scanner.failure("\(name)() takes no further argument") }
        try scanner.expect(")", "the parenthesis that closes \(name)()")
    }
}
