/// XPath 1.0 without variables, prefixes and extension functions: what a page without namespaces can be asked.
struct XPathParser {
    /// A longer expression is a mistake; the bound also keeps every list in it short.
    static let maxCharacters = 4096
    /// Parentheses and brackets: parser and evaluator recurse once a level.
    static let maxNesting = 64
    /// Arguments of all `concat()` together: each may be as long as the page.
    static let maxConcatArguments = 32

    private var scanner: XPathScanner
    private var concatArguments = 0

    /// Throws ``SelectorError`` with the offset in Unicode scalars.
    static func parse(_ source: String) throws -> XPathExpression {
        var parser = XPathParser(scanner: XPathScanner(source))
        guard parser.scanner.count <= maxCharacters else {
            throw SelectorError(
                message: "an XPath expression may have \(maxCharacters) characters", offset: maxCharacters)
        }
        parser.scanner.skipSpace()
        let expression = try parser.expression()
        guard parser.scanner.isAtEnd else { throw parser.unexpected() }
        return expression
    }

    private init(scanner: XPathScanner) {
        self.scanner = scanner
    }

    private func unexpected() -> SelectorError {
        switch scanner.peek() {
        case ")", "]": scanner.failure("\(scanner.found) closes nothing")
        default: scanner.failure("did not expect \(scanner.found) here")
        }
    }

    // MARK: Operators

    private mutating func expression(_ minimum: XPathOperator.Precedence = .or) throws -> XPathExpression {
        var left = try unary()
        while let operation = takeOperator(atLeast: minimum) {
            let right: XPathExpression
            if let tighter = XPathOperator.Precedence(rawValue: operation.precedence.rawValue + 1) {
                right = try expression(tighter)
            } else {
                right = try unary()
            }
            let link = XPathExpression.Link(operation: operation, operand: right)
            if case .chain(let first, var links) = left,
                links[0].operation.precedence == operation.precedence
            {
                links.append(link)
                left = .chain(first, links)
            } else {
                left = .chain(left, [link])
            }
        }
        return left
    }

    private static let signs: [(StaticString, XPathOperator)] = [
        ("!=", .unequal), ("<=", .lessOrEqual), (">=", .greaterOrEqual), ("=", .equal), ("<", .less),
        (">", .greater), ("+", .plus), ("-", .minus), ("*", .times),
    ]

    private static let words: [String: XPathOperator] = [
        "or": .or, "and": .and, "div": .divided, "mod": .modulo,
    ]

    private mutating func takeOperator(atLeast minimum: XPathOperator.Precedence) -> XPathOperator? {
        let start = scanner.offset
        if let word = scanner.name() {
            if let operation = Self.words[word], operation.precedence >= minimum {
                scanner.skipSpace()
                return operation
            }
            scanner.rewind(to: start)
            return nil
        }
        for (sign, operation) in Self.signs where scanner.take(sign) {
            if operation.precedence >= minimum { return operation }
            scanner.rewind(to: start)
            return nil
        }
        return nil
    }

    private mutating func unary() throws -> XPathExpression {
        var signs = 0
        while scanner.take("-") { signs += 1 }
        let operand = try union()
        if signs == 0 { return operand }
        return signs.isMultiple(of: 2) ? .negated(.negated(operand)) : .negated(operand)
    }

    private mutating func union() throws -> XPathExpression {
        let start = scanner.offset
        let first = try path()
        guard scanner.peek() == "|" else { return first }
        try expectNodes(first, at: start, "\"|\" joins node sets only")
        var operands = [first]
        while scanner.take("|") {
            let start = scanner.offset
            let operand = try path()
            try expectNodes(operand, at: start, "\"|\" joins node sets only")
            operands.append(operand)
        }
        return .union(operands)
    }

    private func expectNodes(_ expression: XPathExpression, at offset: Int, _ message: String) throws {
        guard expression.kind == .nodes else { throw scanner.failure(message, at: offset) }
    }

    // MARK: Paths

    private mutating func path() throws -> XPathExpression {
        let start = scanner.offset
        if scanner.peek() == "/" {
            let isDeep = scanner.peek(1) == "/"
            _ = isDeep ? scanner.take("//") : scanner.take("/")
            var path = XPathPath(start: .document)
            if isDeep { path.steps.append(.descendants) }
            guard isDeep || startsStep() else { return .path(path) }
            try steps(into: &path)
            return .path(path)
        }
        guard let primary = try primary() else {
            var path = XPathPath(start: .context)
            try steps(into: &path)
            return .path(path)
        }
        let predicates = try predicates()
        let goesOn = scanner.peek() == "/"
        guard goesOn || !predicates.isEmpty else { return primary }
        try expectNodes(primary, at: start, "only a node set has predicates and steps")
        var path = XPathPath(start: .expression(primary, predicates: predicates))
        guard goesOn else { return .path(path) }
        if scanner.take("//") { path.steps.append(.descendants) } else { _ = scanner.take("/") }
        try steps(into: &path)
        return .path(path)
    }

    private func startsStep() -> Bool {
        guard let next = scanner.peek() else { return false }
        if next == "." || next == "@" || next == "*" { return true }
        var ahead = scanner
        return ahead.name() != nil
    }

    private mutating func steps(into path: inout XPathPath) throws {
        while true {
            path.append(try step())
            if scanner.take("//") {
                path.steps.append(.descendants)
            } else if !scanner.take("/") {
                return
            }
        }
    }

    private mutating func step() throws -> XPathStep {
        if scanner.take("..") { return XPathStep(axis: .parent, test: .node) }
        if scanner.take(".") { return XPathStep(axis: .itself, test: .node) }
        var step = XPathStep(axis: .child, test: .named)
        if scanner.take("@") {
            step.axis = .attribute
        } else if let axis = try axis() {
            step.axis = axis
        }
        step.test = try nodeTest()
        step.predicates = try predicates()
        step.isPositional = step.predicates.contains { $0.kind == .number || $0.asksPosition }
        return step
    }

    /// Nil where no `name::` stands here.
    private mutating func axis() throws -> XPathAxis? {
        let start = scanner.offset
        guard let name = scanner.name() else { return nil }
        scanner.skipSpace()
        guard scanner.take("::") else {
            scanner.rewind(to: start)
            return nil
        }
        guard let axis = XPathAxis(rawValue: name) else {
            throw scanner.failure("there is no axis \"\(name)\"", at: start)
        }
        return axis
    }

    private static let nodeTypes: [String: XPathNodeTest] = [
        "node": .node, "text": .text, "comment": .comment, "processing-instruction": .instruction(nil),
    ]

    private mutating func nodeTest() throws -> XPathNodeTest {
        if scanner.take("*") { return .named }
        let start = scanner.offset
        guard let name = scanner.name() else {
            throw scanner.failure(
                scanner.peek() == "$"
                    ? "variables are not supported"
                    : "an expression is expected here, found \(scanner.found)")
        }
        if scanner.peek() == ":" { throw prefixFailure(at: start) }
        scanner.skipSpace()
        guard scanner.peek() == "(" else { return .name(Array(name.utf8) + [0]) }
        guard let test = Self.nodeTypes[name] else {
            throw scanner.failure("there is no node type \(name)()", at: start)
        }
        try scanner.open()
        var result = test
        if case .instruction = test, scanner.peek() == "'" || scanner.peek() == "\"" {
            result = .instruction(try scanner.literal() + [0])
        }
        try scanner.close(")")
        return result
    }

    private func prefixFailure(at start: Int) -> SelectorError {
        scanner.failure(
            "namespace prefixes are not supported: compare local-name() instead", at: start)
    }

    private mutating func predicates() throws -> [XPathExpression] {
        var predicates: [XPathExpression] = []
        while scanner.peek() == "[" {
            try scanner.open()
            predicates.append(try expression())
            try scanner.close("]")
        }
        return predicates
    }

    // MARK: Primary expressions

    /// Nil where a step stands here.
    private mutating func primary() throws -> XPathExpression? {
        switch scanner.peek() {
        case "\"", "'":
            return .literal(try scanner.literal())
        case "$":
            throw scanner.failure("variables are not supported")
        case "(":
            try scanner.open()
            let inner = try expression()
            try scanner.close(")")
            return inner
        default:
            if let number = scanner.number() { return .number(number) }
            return try call()
        }
    }

    /// Nil where no function is called here.
    private mutating func call() throws -> XPathExpression? {
        let start = scanner.offset
        guard let name = scanner.name() else { return nil }
        if scanner.peek() == ":", scanner.peek(1) != ":" { throw prefixFailure(at: start) }
        scanner.skipSpace()
        guard scanner.peek() == "(", Self.nodeTypes[name] == nil else {
            scanner.rewind(to: start)
            return nil
        }
        guard let function = XPathFunction(rawValue: name) else {
            throw scanner.failure("there is no XPath 1.0 function \(name)()", at: start)
        }
        let opening = scanner.offset
        let arguments = try arguments()
        let signature = function.signature
        guard signature.arguments.contains(arguments.count) else {
            throw scanner.failure(
                "\(name)() takes \(Self.describe(signature.arguments)), not \(arguments.count)", at: opening)
        }
        if signature.takesNodes, let first = arguments.first {
            try expectNodes(first, at: opening, "\(name)() takes a node set")
        }
        if function == .concat { concatArguments += arguments.count }
        guard concatArguments <= Self.maxConcatArguments else {
            throw scanner.failure(
                "concat() may have \(Self.maxConcatArguments) arguments in all", at: opening)
        }
        return .call(function, arguments)
    }

    private mutating func arguments() throws -> [XPathExpression] {
        try scanner.open()
        var arguments: [XPathExpression] = []
        if scanner.peek() != ")" {
            repeat { arguments.append(try expression()) } while scanner.take(",")
        }
        try scanner.close(")")
        return arguments
    }

    private static func describe(_ range: ClosedRange<Int>) -> String {
        if range.upperBound == .max { return "at least \(range.lowerBound) arguments" }
        let unit = range.upperBound == 1 ? "argument" : "arguments"
        return range.count == 1
            ? "\(range.lowerBound) \(unit)" : "\(range.lowerBound) to \(range.upperBound) arguments"
    }
}

extension XPathPath {
    /// `//a` is `/descendant::a`, unless positions are counted parent by parent.
    fileprivate mutating func append(_ step: XPathStep) {
        if step.axis == .child, !step.isPositional, steps.last == .descendants {
            steps.removeLast()
            var merged = step
            merged.axis = .descendant
            steps.append(merged)
        } else {
            steps.append(step)
        }
    }
}
