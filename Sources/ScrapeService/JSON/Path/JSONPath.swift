/// A JSONPath query (RFC 9535), parsed and found to be well-typed.
struct JSONPath: Hashable, Sendable {
    /// What a query begins at.
    enum Root: Hashable, Sendable {
        /// `$`: the value the whole query is asked of.
        case root
        /// `@`: the element or member a filter looks at.
        case current
    }

    /// §2.5: selectors for the children of a node, or for those of it and all its descendants.
    struct Segment: Hashable, Sendable {
        var isDescendant = false
        var selectors: [Selector]
    }

    /// §2.3
    enum Selector: Hashable, Sendable {
        /// UTF-8.
        case name([UInt8])
        case wildcard
        case index(Int)
        case slice(Slice)
        case filter(Condition)
    }

    struct Slice: Hashable, Sendable {
        var start: Int?
        var end: Int?
        var step = 1
    }

    /// A logical expression (§2.3.5).
    indirect enum Condition: Hashable, Sendable {
        case or([Condition])
        case and([Condition])
        case not(Condition)
        case compare(Operand, Comparison, Operand)
        /// The query selects at least one node.
        case exists(JSONPath)
        case matches(PatternTest)
    }

    enum Comparison: String, Hashable, Sendable, CaseIterable {
        case equal = "=="
        case notEqual = "!="
        case lessOrEqual = "<="
        case greaterOrEqual = ">="
        case less = "<"
        case greater = ">"
    }

    /// What has a value or nothing: ValueType of §2.4.1.
    indirect enum Operand: Hashable, Sendable {
        case null
        case boolean(Bool)
        /// As written.
        case number(String)
        /// UTF-8.
        case string([UInt8])
        /// A singular query.
        case query(JSONPath)
        case length(Operand)
        case count(JSONPath)
        case value(JSONPath)
    }

    /// `match()` and `search()` (§2.4.6, §2.4.7).
    struct PatternTest: Hashable, Sendable {
        var text: Operand
        var pattern: Operand
        /// `match()`: the pattern must fit the whole text.
        var isWhole: Bool
    }

    var root = Root.root
    var segments: [Segment]
    /// Of the queries with `$` inside filters, which are answered once: a number of its own.
    var number = 0

    /// Throws ``JSONPathError`` for what is no query.
    init(_ source: String) throws(JSONPathError) {
        var parser = JSONPathParser(source)
        self = try parser.parseQuery()
    }

    init(root: Root, segments: [Segment], number: Int = 0) {
        self.root = root
        self.segments = segments
        self.number = number
    }

    /// Selects one node at most, by its form (§2.3.5.1).
    var isSingular: Bool {
        segments.allSatisfy { segment in
            guard !segment.isDescendant, segment.selectors.count == 1 else { return false }
            switch segment.selectors[0] {
            case .name, .index: return true
            case .wildcard, .slice, .filter: return false
            }
        }
    }
}

/// Why a text is no JSONPath query, and at which character of it (Unicode scalars, from 0).
struct JSONPathError: Error, Hashable, Sendable {
    var message: String
    var offset: Int
}
