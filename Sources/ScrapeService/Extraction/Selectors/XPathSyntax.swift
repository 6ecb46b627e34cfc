/// An XPath 1.0 expression, checked: names of functions, numbers of arguments and types are right.
indirect enum XPathExpression: Hashable, Sendable {
    case number(Double)
    /// UTF-8.
    case literal([UInt8])
    case negated(XPathExpression)
    /// Operators of one precedence, from left to right: a long sum needs no deep stack.
    case chain(XPathExpression, [Link])
    case union([XPathExpression])
    case call(XPathFunction, [XPathExpression])
    case path(XPathPath)

    struct Link: Hashable, Sendable {
        var operation: XPathOperator
        var operand: XPathExpression
    }

    /// What it evaluates to; XPath without variables knows that beforehand.
    enum Kind: Hashable, Sendable {
        case nodes, string, number, boolean
    }

    var kind: Kind {
        switch self {
        case .number, .negated: .number
        case .literal: .string
        case .chain(_, let links): links[0].operation.precedence > .relational ? .number : .boolean
        case .union, .path: .nodes
        case .call(let function, _): function.signature.result
        }
    }

    /// Whether it asks for the position or the size of the context it stands in.
    var asksPosition: Bool {
        switch self {
        case .number, .literal: false
        case .negated(let operand): operand.asksPosition
        case .chain(let first, let links):
            first.asksPosition || links.contains { $0.operand.asksPosition }
        case .union(let operands): operands.contains { $0.asksPosition }
        case .call(let function, let arguments):
            function == .position || function == .last || arguments.contains { $0.asksPosition }
        case .path(let path):
            if case .expression(let start, _) = path.start { start.asksPosition } else { false }
        }
    }
}

enum XPathOperator: Hashable, Sendable {
    enum Precedence: Int, Comparable {
        case or, and, equality, relational, additive, multiplicative

        static func < (first: Self, second: Self) -> Bool { first.rawValue < second.rawValue }
    }

    case or, and, equal, unequal, less, lessOrEqual, greater, greaterOrEqual
    case plus, minus, times, divided, modulo

    var precedence: Precedence {
        switch self {
        case .or: .or
        case .and: .and
        case .equal, .unequal: .equality
        case .less, .lessOrEqual, .greater, .greaterOrEqual: .relational
        case .plus, .minus: .additive
        case .times, .divided, .modulo: .multiplicative
        }
    }
}

struct XPathPath: Hashable, Sendable {
    enum Start: Hashable, Sendable {
        case context, document
        case expression(XPathExpression, predicates: [XPathExpression])
    }

    var start: Start
    var steps: [XPathStep] = []
}

struct XPathStep: Hashable, Sendable {
    var axis: XPathAxis
    var test: XPathNodeTest
    var predicates: [XPathExpression] = []

    /// Whether a predicate depends on where a node stands among those of its own context node. Where none does,
    /// the nodes of all context nodes can be found in one walk.
    var isPositional = false

    /// `//`
    static let descendants = XPathStep(axis: .descendantOrSelf, test: .node)
}

enum XPathAxis: String, Hashable, Sendable {
    case ancestor, attribute, child, descendant, following, namespace, parent, preceding
    case itself = "self"
    case ancestorOrSelf = "ancestor-or-self"
    case descendantOrSelf = "descendant-or-self"
    case followingSibling = "following-sibling"
    case precedingSibling = "preceding-sibling"

    /// Whether positions count against the order of the page (XPath 1.0, section 2.4).
    var isReverse: Bool {
        switch self {
        case .ancestor, .ancestorOrSelf, .preceding, .precedingSibling: true
        default: false
        }
    }
}

enum XPathNodeTest: Hashable, Sendable {
    case node, text, comment
    /// `*`: elements, on the attribute axis attributes.
    case named
    /// UTF-8 and a NUL.
    case name([UInt8])
    /// As ``name(_:)``; nil is any.
    case instruction([UInt8]?)
}

/// The core library (XPath 1.0, section 4).
enum XPathFunction: String, Hashable, Sendable {
    case last, position, count, id, name, string, concat, contains, substring, translate, boolean, not, lang
    case number, sum, floor, ceiling, round
    case localName = "local-name"
    case namespaceURI = "namespace-uri"
    case startsWith = "starts-with"
    case substringBefore = "substring-before"
    case substringAfter = "substring-after"
    case stringLength = "string-length"
    case normalizeSpace = "normalize-space"
    case yes = "true"
    case no = "false"

    struct Signature {
        var arguments: ClosedRange<Int>
        var result: XPathExpression.Kind
        /// Whether the first argument must be a node set.
        var takesNodes = false
    }

    var signature: Signature {
        switch self {
        case .last, .position: Signature(arguments: 0...0, result: .number)
        case .count, .sum: Signature(arguments: 1...1, result: .number, takesNodes: true)
        case .id: Signature(arguments: 1...1, result: .nodes)
        case .name, .localName, .namespaceURI:
            Signature(arguments: 0...1, result: .string, takesNodes: true)
        case .string, .normalizeSpace: Signature(arguments: 0...1, result: .string)
        case .concat: Signature(arguments: 2...Int.max, result: .string)
        case .contains, .startsWith: Signature(arguments: 2...2, result: .boolean)
        case .substringBefore, .substringAfter: Signature(arguments: 2...2, result: .string)
        case .substring: Signature(arguments: 2...3, result: .string)
        case .translate: Signature(arguments: 3...3, result: .string)
        case .stringLength, .number: Signature(arguments: 0...1, result: .number)
        case .boolean, .not, .lang: Signature(arguments: 1...1, result: .boolean)
        case .yes, .no: Signature(arguments: 0...0, result: .boolean)
        case .floor, .ceiling, .round: Signature(arguments: 1...1, result: .number)
        }
    }
}
