/// Parses queries: segments and selectors (RFC 9535 §2.1 to §2.3, §2.5). What stands in filters is in an extension.
struct JSONPathParser {
    /// Parentheses, filters and function calls within each other: bounds the stack.
    static let maxDepth = 100
    /// Of the whole query, those of the queries in its filters counted: bounds the stack of its evaluation.
    static let maxSegments = 500

    var scanner: JSONPathScanner
    var depth = 0
    private var queries = 0
    private var segmentCount = 0

    init(_ source: String) { scanner = JSONPathScanner(source) }

    mutating func parseQuery() throws(JSONPathError) -> JSONPath {
        try scanner.expect("$", "the $ that a query begins with")
        let path = JSONPath(root: .root, segments: try parseSegments())
        guard scanner.isAtEnd else {
            throw scanner.failure("something follows the query")
        }
        return path
    }

    /// In a filter, from `$` or `@`.
    mutating func parseInnerQuery() throws(JSONPathError) -> JSONPath {
        let root: JSONPath.Root = scanner.take("@") ? .current : .root
        if root == .root { try scanner.expect("$", "a query") }
        queries += 1
        let number = queries
        return JSONPath(root: root, segments: try parseSegments(), number: number)
    }

    mutating func nested<Value>(
        _ body: (inout JSONPathParser) throws(JSONPathError) -> Value
    ) throws(JSONPathError) -> Value {
        depth += 1
        if depth > Self.maxDepth {
            throw scanner.failure("nested deeper than \(Self.maxDepth) levels")
        }
        let value = try body(&self)
        depth -= 1
        return value
    }

    // MARK: Segments

    private mutating func parseSegments() throws(JSONPathError) -> [JSONPath.Segment] {
        var segments: [JSONPath.Segment] = []
        while true {
            let start = scanner.index
            scanner.skipBlanks()
            guard scanner.next == "." || scanner.next == "[" else {
                // Blanks belong to a segment or to what stands around the query.
                scanner.index = start
                return segments
            }
            segmentCount += 1
            if segmentCount > Self.maxSegments {
                throw scanner.failure("more than \(Self.maxSegments) segments")
            }
            segments.append(try parseSegment())
        }
    }

    private mutating func parseSegment() throws(JSONPathError) -> JSONPath.Segment {
        let isDescendant = scanner.take("..")
        if scanner.next == "[" {
            return JSONPath.Segment(isDescendant: isDescendant, selectors: try parseBrackets())
        }
        if !isDescendant { scanner.index += 1 }
        if scanner.take("*") { return JSONPath.Segment(isDescendant: isDescendant, selectors: [.wildcard]) }
        return JSONPath.Segment(
            isDescendant: isDescendant, selectors: [.name(try scanner.shorthandName())])
    }

    private mutating func parseBrackets() throws(JSONPathError) -> [JSONPath.Selector] {
        var selectors: [JSONPath.Selector] = []
        scanner.index += 1
        repeat {
            scanner.skipBlanks()
            selectors.append(try parseSelector())
            scanner.skipBlanks()
        } while scanner.take(",")
        try scanner.expect("]", "a closing bracket")
        return selectors
    }

    // MARK: Selectors

    private mutating func parseSelector() throws(JSONPathError) -> JSONPath.Selector {
        if scanner.beginsString { return .name(try scanner.string()) }
        if scanner.take("*") { return .wildcard }
        if scanner.take("?") {
            scanner.skipBlanks()
            return .filter(
                try nested { parser throws(JSONPathError) in try parser.parseCondition() })
        }
        guard scanner.beginsNumber || scanner.next == ":" else {
            throw scanner.failure("a selector is missing: a name in quotes, *, an index, a slice or ?")
        }
        let start = scanner.next == ":" ? nil : try scanner.integer()
        let behind = scanner.index
        scanner.skipBlanks()
        guard scanner.take(":") else {
            scanner.index = behind
            return .index(start ?? 0)
        }
        return .slice(try parseSlice(from: start))
    }

    /// Behind the first colon (§2.3.4.1).
    private mutating func parseSlice(from start: Int?) throws(JSONPathError) -> JSONPath.Slice {
        var slice = JSONPath.Slice(start: start)
        scanner.skipBlanks()
        if scanner.beginsNumber {
            slice.end = try scanner.integer()
            scanner.skipBlanks()
        }
        if scanner.take(":") {
            scanner.skipBlanks()
            if scanner.beginsNumber { slice.step = try scanner.integer() }
        }
        return slice
    }
}
