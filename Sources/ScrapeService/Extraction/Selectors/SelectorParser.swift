/// Selectors Level 3, with `:has()`, `:is()`, `:where()`, `:not(list)`, `:scope` of Level 4 and three
/// pseudo-elements of our own: `::attr(name)`, `::text`, `::html`.
struct SelectorParser {
    var scanner: SelectorScanner
    private var nesting = 0

    /// Throws ``SelectorError`` with the offset in Unicode scalars.
    static func parse(_ source: String) throws -> SelectorSyntax {
        var parser = SelectorParser(scanner: SelectorScanner(source))
        guard parser.scanner.count <= SelectorSyntax.maxCharacters else {
            throw parser.scanner.failure(
                "a selector may have \(SelectorSyntax.maxCharacters) characters",
                at: SelectorSyntax.maxCharacters)
        }
        return try parser.selectorList()
    }

    private init(scanner: SelectorScanner) {
        self.scanner = scanner
    }

    private mutating func selectorList() throws -> SelectorSyntax {
        var alternatives: [SelectorSyntax.Alternative] = []
        repeat {
            try scanner.skipSpace()
            let selector = try complexSelector()
            let output = try pseudoElement() ?? .element
            try scanner.skipSpace()
            alternatives.append(.init(selector: selector, output: output))
        } while scanner.take(",")
        guard scanner.isAtEnd else { throw unexpected() }
        return SelectorSyntax(alternatives: alternatives)
    }

    /// The list between the parentheses of `:is()`, `:not()` or, relative, `:has()`; the opening one is read.
    mutating func nestedList(relative: Bool = false) throws -> [ComplexSelector] {
        nesting += 1
        defer { nesting -= 1 }
        guard nesting <= SelectorSyntax.maxNesting else {
            throw scanner.failure("selectors may be nested \(SelectorSyntax.maxNesting) deep")
        }
        var selectors: [ComplexSelector] = []
        repeat {
            try scanner.skipSpace()
            selectors.append(relative ? try relativeSelector() : try complexSelector())
            try scanner.skipSpace()
            if scanner.peek() == ":", scanner.peek(1) == ":" {
                throw scanner.failure("a pseudo-element can only stand at the end of the whole selector")
            }
        } while scanner.take(",")
        guard scanner.take(")") else {
            if scanner.isAtEnd { throw scanner.failure("a \")\" is missing") }
            throw unexpected()
        }
        return selectors
    }

    private mutating func relativeSelector() throws -> ComplexSelector {
        let leading = combinatorSign() ?? .descendant
        try scanner.skipSpace()
        var selector = try complexSelector()
        selector.context.append(.init(combinator: leading, compound: .init(conditions: [.anchor])))
        return selector
    }

    private mutating func complexSelector() throws -> ComplexSelector {
        if let sign = scanner.peek(), Self.combinators[sign] != nil {
            throw scanner.failure("a selector cannot start with \"\(sign)\": write \":scope \(sign) …\"")
        }
        var selector = ComplexSelector(subject: try compoundSelector())
        while let combinator = try nextCombinator() {
            let left = selector.subject
            selector.subject = try compoundSelector()
            selector.context.insert(.init(combinator: combinator, compound: left), at: 0)
        }
        return selector
    }

    private static let combinators: [Unicode.Scalar: Combinator] = [
        ">": .child, "+": .nextSibling, "~": .laterSibling,
    ]

    private mutating func combinatorSign() -> Combinator? {
        guard let sign = scanner.peek(), let combinator = Self.combinators[sign] else { return nil }
        scanner.advance()
        return combinator
    }

    /// Nil where the complex selector ends: at `,`, `)` or the end.
    private mutating func nextCombinator() throws -> Combinator? {
        let start = scanner
        let spaced = try scanner.skipSpace()
        if let combinator = combinatorSign() {
            try scanner.skipSpace()
            return combinator
        }
        guard spaced, let next = scanner.peek(), next != ",", next != ")" else {
            scanner = start
            return nil
        }
        return .descendant
    }

    private mutating func compoundSelector() throws -> CompoundSelector {
        let start = scanner.offset
        var compound = CompoundSelector(type: try typeSelector())
        var isEmpty = scanner.offset == start
        while true {
            try scanner.skipComments()
            guard let condition = try simpleSelector() else { break }
            compound.conditions.append(condition)
            isEmpty = false
        }
        // `::text` alone stands for `*::text`.
        if isEmpty, !(scanner.peek() == ":" && scanner.peek(1) == ":") { throw expectedSelector() }
        return compound
    }

    private mutating func typeSelector() throws -> String? {
        var type: String?
        let start = scanner.offset
        if scanner.startsIdentifier() {
            type = try scanner.identifier("an element name")
        } else {
            _ = scanner.take("*")
        }
        if scanner.peek() == "|", scanner.peek(1) != "|" {
            throw scanner.failure("namespaces are not supported: write the name without \"…|\"", at: start)
        }
        return type
    }

    /// Nil where none starts; a pseudo-element (`::`) is none.
    private mutating func simpleSelector() throws -> SimpleSelector? {
        switch scanner.peek() {
        case "#":
            scanner.advance()
            return .id(try scanner.name("an id after \"#\""))
        case ".":
            scanner.advance()
            return .hasClass(try scanner.identifier("a class name after \".\""))
        case "[":
            return .attribute(try attributeCondition())
        case ":" where scanner.peek(1) != ":":
            return try pseudoClass()
        default:
            return nil
        }
    }

    private func expectedSelector() -> SelectorError {
        if scanner.isAtEnd { return scanner.failure("expected a selector, found the end") }
        return scanner.failure("expected a selector, found \(scanner.found)")
    }

    private func unexpected() -> SelectorError {
        switch scanner.peek() {
        case ":":
            scanner.failure("nothing may follow a pseudo-element")
        case ")":
            scanner.failure("a \")\" without its \"(\"")
        default:
            scanner.failure("did not expect \(scanner.found) here")
        }
    }
}
