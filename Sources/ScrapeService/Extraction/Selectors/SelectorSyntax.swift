/// A CSS selector as written: alternatives separated by commas, each with what it takes of a matched element.
struct SelectorSyntax: Hashable, Sendable {
    /// A longer selector is a mistake; the bound also keeps the matcher's recursion shallow.
    static let maxCharacters = 4096
    /// `:not(:is(:has(…)))`: parser and matcher recurse once a level.
    static let maxNesting = 16

    var alternatives: [Alternative]

    struct Alternative: Hashable, Sendable {
        var selector: ComplexSelector
        var output: Output
    }

    /// The pseudo-elements beyond CSS that name a value instead of an element.
    enum Output: Hashable, Sendable {
        case element
        /// `::attr(name)`
        case attribute(String)
        /// `::text`: each of the element's own text nodes.
        case ownText
        /// `::html`
        case markup
    }
}

/// Compounds joined by combinators, from the subject (rightmost) outwards, the order of matching.
struct ComplexSelector: Hashable, Sendable {
    var subject: CompoundSelector
    /// From right to left: how the compound stands to the one matched before it.
    var context: [Link] = []

    struct Link: Hashable, Sendable {
        var combinator: Combinator
        var compound: CompoundSelector
    }
}

enum Combinator: Hashable, Sendable {
    case descendant, child, nextSibling, laterSibling

    var isSibling: Bool { self == .nextSibling || self == .laterSibling }
}

/// Tests that all hold for one element.
struct CompoundSelector: Hashable, Sendable {
    /// As written; nil is `*` or nothing.
    var type: String?
    var conditions: [SimpleSelector] = []
}

indirect enum SimpleSelector: Hashable, Sendable {
    case id(String)
    case hasClass(String)
    case attribute(AttributeCondition)
    case nth(NthCondition)
    case isAny([ComplexSelector])
    case isNone([ComplexSelector])
    /// Each ends (outermost link) in a compound whose only condition is ``anchor``.
    case has([ComplexSelector])
    /// In `:has()`: the very element that is asked.
    case anchor
    case scope
    case root
    case empty
    case link
    case checked
    case enabled
    case disabled
    case language([String])
    /// States that only a live browser has (`:hover`, `:visited`…).
    case never
}

struct AttributeCondition: Hashable, Sendable {
    enum Operator: Hashable, Sendable {
        case exists, equals, includesWord, equalsOrDash, startsWith, endsWith, contains
    }

    var name: String
    var comparison = Operator.exists
    var value = ""
    /// ASCII case, the `i` flag.
    var ignoresCase = false
}

/// `an+b` counted over the siblings of an element, from the first or the last, all or those of its own type.
struct NthCondition: Hashable, Sendable {
    var step: Int
    var offset: Int
    var fromEnd = false
    var ofType = false

    /// Whether position `index` (from 1) is one of `step · n + offset`, n ≥ 0.
    func contains(_ index: Int) -> Bool {
        let distance = index - offset
        if step == 0 { return distance == 0 }
        return distance % step == 0 && distance / step >= 0
    }
}
