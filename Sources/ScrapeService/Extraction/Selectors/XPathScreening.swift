/// An XPath expression that passed the screening, as far as evaluation needs to know it.
struct XPathSyntax: Hashable, Sendable {
    /// The operands of the outermost `|`, which are evaluated apart: libxml2 unites by comparing all with
    /// all.
    var operands: [Operand]

    struct Operand: Hashable, Sendable {
        var source: String
        /// Where it starts in the whole, in Unicode scalars.
        var offset: Int
        /// Whether libxml2 may compare whole node sets with each other: two steps that fan out, or a union
        /// further in.
        var isQuadratic: Bool
    }

    /// Throws ``SelectorError`` with the offset in Unicode scalars.
    static func parse(_ source: String) throws -> XPathSyntax {
        XPathSyntax(operands: try XPathScreening.operands(of: source))
    }
}

/// What libxml2 would find only while evaluating, or not at all: unknown functions, wrong argument counts,
/// variables, prefixes, and an expression long or deep enough to threaten the stack. Syntax itself is
/// libxml2's to judge.
struct XPathScreening {
    /// libxml2 evaluates recursively, a frame a step and an operator.
    static let maxCharacters = 4096
    /// Parentheses and brackets; libxml2 compiles them recursively, twelve frames a level.
    static let maxNesting = 64

    /// Arguments of all `concat()` together: each may be as long as the page.
    static let maxConcatArguments = 32

    private struct Opening {
        var closing: Unicode.Scalar
        var offset: Int
        var function: String?
        var commas = 0
        var isEmpty = true
        /// Fanning steps of the path around the opening, so far.
        var outerFans: Int
    }

    private let scalars: [Unicode.Scalar]
    private var offset = 0
    private var openings: [Opening] = []
    /// After an operand `*`, `and`, `or`, `div` and `mod` are operators (XPath 1.0, section 3.7).
    private var followsOperand = false
    private var followsAxis = false
    private var concatArguments = 0
    /// Steps of the current path that lead to many nodes from one, or to one from many.
    private var fans = 0
    private var isQuadratic = false
    private var start = 0
    private var operands: [XPathSyntax.Operand] = []

    fileprivate static func operands(of source: String) throws -> [XPathSyntax.Operand] {
        var screening = XPathScreening(scalars: Array(source.unicodeScalars))
        guard screening.scalars.count <= maxCharacters else {
            throw SelectorError(
                message: "an XPath expression may have \(maxCharacters) characters", offset: maxCharacters)
        }
        try screening.run()
        screening.endOperand()
        return screening.operands
    }

    private mutating func endOperand() {
        operands.append(
            .init(
                source: String(String.UnicodeScalarView(scalars[start..<offset])), offset: start,
                isQuadratic: isQuadratic))
        isQuadratic = false
        fans = 0
    }

    private mutating func fan() {
        fans += 1
        if fans > 1 { isQuadratic = true }
    }

    private init(scalars: [Unicode.Scalar]) {
        self.scalars = scalars
    }

    private func peek(_ ahead: Int = 0) -> Unicode.Scalar? {
        offset + ahead < scalars.count ? scalars[offset + ahead] : nil
    }

    private mutating func run() throws {
        while let next = peek() {
            if next.isCSSSpace {
                offset += 1
                continue
            }
            try token(next)
        }
        if let open = openings.last {
            throw SelectorError(message: "\"\(scalars[open.offset])\" is never closed", offset: open.offset)
        }
    }

    private mutating func token(_ next: Unicode.Scalar) throws {
        if next != ")", next != "]", next != ",", !openings.isEmpty {
            openings[openings.count - 1].isEmpty = false
        }
        switch next {
        case "\"", "'":
            try skipLiteral(next)
        case "(", "[":
            try open(next, function: nil)
        case ")", "]":
            try close(next)
        case ",":
            if !openings.isEmpty { openings[openings.count - 1].commas += 1 }
            fans = 0
            separator()
        case "$":
            throw SelectorError(message: "variables are not supported", offset: offset)
        case "|":
            unite()
        case "/":
            if peek(1) == "/" {
                fan()
                offset += 1
            }
            separator()
        case "*", ".":
            if next == ".", peek(1) == "." {
                fan()
                offset += 1
            }
            if next == "*", followsOperand { fans = 0 }
            offset += 1
            followsOperand = next == "." || !followsOperand
            followsAxis = false
        case _ where next.isDigit:
            skipName()
            followsOperand = true
        case _ where next.isXPathName:
            try name()
        default:
            separator()
            followsAxis = next == "@"
            if !followsAxis { fans = 0 }
        }
    }

    private mutating func unite() {
        if openings.isEmpty {
            endOperand()
            start = offset + 1
        } else {
            isQuadratic = true
        }
        fans = 0
        separator()
    }

    private mutating func separator() {
        offset += 1
        followsOperand = false
        followsAxis = false
    }

    private mutating func skipLiteral(_ quote: Unicode.Scalar) throws {
        let start = offset
        offset += 1
        while let next = peek(), next != quote { offset += 1 }
        guard peek() != nil else { throw SelectorError(message: "this string never ends", offset: start) }
        offset += 1
        followsOperand = true
        followsAxis = false
    }

    private mutating func skipName() {
        while let next = peek(), next.isXPathName || next.isDigit || next == "-" || next == "." {
            offset += 1
        }
    }

    /// From different nodes these never lead to the same one.
    private static let disjointAxes: Set<String> = ["child", "attribute", "self", "namespace"]

    private static let nodeTypes: Set<String> = ["node", "text", "comment", "processing-instruction"]

    private mutating func name() throws {
        let start = offset
        skipName()
        let name = String(String.UnicodeScalarView(scalars[start..<offset]))
        if followsOperand {
            followsOperand = false
            fans = 0
            return
        }
        let end = offset
        while let next = peek(), next.isCSSSpace { offset += 1 }
        if peek() == ":" {
            guard peek(1) == ":" else {
                throw SelectorError(
                    message: "namespace prefixes are not supported: compare local-name() instead",
                    offset: start)
            }
            offset += 2
            followsAxis = true
            if !Self.disjointAxes.contains(name) { fan() }
            return
        }
        if peek() == "(", !Self.nodeTypes.contains(name), !followsAxis {
            guard Self.functions[name] != nil else {
                throw SelectorError(message: "there is no XPath 1.0 function \(name)()", offset: start)
            }
            try open("(", function: name)
            return
        }
        offset = end
        followsOperand = true
        followsAxis = false
    }

    private mutating func open(_ sign: Unicode.Scalar, function: String?) throws {
        guard openings.count < Self.maxNesting else {
            throw SelectorError(message: "expressions may be nested \(Self.maxNesting) deep", offset: offset)
        }
        openings.append(
            Opening(closing: sign == "(" ? ")" : "]", offset: offset, function: function, outerFans: fans))
        // A predicate looks out from one node at a time.
        fans = 0
        separator()
    }

    private mutating func close(_ sign: Unicode.Scalar) throws {
        guard let opening = openings.popLast() else {
            throw SelectorError(message: "\"\(sign)\" closes nothing", offset: offset)
        }
        guard opening.closing == sign else {
            throw SelectorError(message: "expected \"\(opening.closing)\", found \"\(sign)\"", offset: offset)
        }
        if let function = opening.function, let arity = Self.functions[function] {
            let given = opening.isEmpty && opening.commas == 0 ? 0 : opening.commas + 1
            guard arity.contains(given) else {
                throw SelectorError(
                    message: "\(function)() takes \(Self.describe(arity)), not \(given)",
                    offset: opening.offset)
            }
            try countConcat(function, given, at: opening.offset)
        }
        // Only a bare parenthesis is part of the path around it.
        fans = opening.outerFans + (sign == ")" && opening.function == nil ? fans : 0)
        offset += 1
        followsOperand = true
        followsAxis = false
    }

    private mutating func countConcat(_ function: String, _ arguments: Int, at position: Int) throws {
        guard function == "concat" else { return }
        concatArguments += arguments
        guard concatArguments <= Self.maxConcatArguments else {
            throw SelectorError(
                message: "concat() may have \(Self.maxConcatArguments) arguments in all", offset: position)
        }
    }

    private static func describe(_ arity: ClosedRange<Int>) -> String {
        if arity.upperBound == .max { return "at least \(arity.lowerBound) arguments" }
        let unit = arity.upperBound == 1 ? "argument" : "arguments"
        return arity.count == 1
            ? "\(arity.lowerBound) \(unit)" : "\(arity.lowerBound) to \(arity.upperBound) arguments"
    }

    /// The core library (XPath 1.0, section 4) and how many arguments each takes.
    private static let functions: [String: ClosedRange<Int>] = [
        "last": 0...0, "position": 0...0, "count": 1...1, "id": 1...1, "local-name": 0...1,
        "namespace-uri": 0...1,
        "name": 0...1, "string": 0...1, "concat": 2...Int.max, "starts-with": 2...2, "contains": 2...2,
        "substring-before": 2...2, "substring-after": 2...2, "substring": 2...3, "string-length": 0...1,
        "normalize-space": 0...1, "translate": 3...3, "boolean": 1...1, "not": 1...1, "true": 0...0,
        "false": 0...0,
        "lang": 1...1, "number": 0...1, "sum": 1...1, "floor": 1...1, "ceiling": 1...1, "round": 1...1,
    ]
}

extension Unicode.Scalar {
    fileprivate var isXPathName: Bool {
        ("a"..."z").contains(self) || ("A"..."Z").contains(self) || self == "_" || value >= 0x80
    }
}
