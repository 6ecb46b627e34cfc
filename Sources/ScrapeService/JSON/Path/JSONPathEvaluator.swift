import Glibc

/// All queries of a page together took more steps than ``JSONPathEvaluator/maxSteps(for:)`` or more time than
/// ``JSONPathEvaluator/maxNanoseconds``, or one selects more than ``JSONPathEvaluator/maxMatches``.
struct JSONPathExhausted: Error, Hashable, Sendable {
    var message: String
}

/// Answers queries on one document (RFC 9535). It walks the table of values: its stack depends on the query alone.
struct JSONPathEvaluator {
    /// Steps before the document's size counts: well under a second.
    static let baseSteps = 20_000_000
    /// Further steps for each value of the document: a query that looks at each a few times never runs out.
    static let stepsPerValue = 20
    /// CPU time of all queries of one page: what the steps take on a slow machine.
    static let maxNanoseconds: UInt64 = 10_000_000_000
    /// Some hundred microseconds of work, so that asking for the time costs nothing.
    private static let checkInterval = 16_384
    /// Nodes that one query may select.
    static let maxMatches = 1_000_000
    /// Regular expressions that documents give, kept compiled.
    private static let maxKeptPatterns = 100

    let document: JSONDocument
    private var steps: Int
    /// What ``steps`` is when the clock is looked at next.
    private var nextCheck: Int
    private let deadline: UInt64
    /// What is left for regular expressions.
    var patternSteps = Pattern.maxPageSteps
    /// What queries with `$` inside filters selected, by their numbers: for one query and one root.
    private var known: [Int: [Int]] = [:]
    private var patterns: [PatternKey: Pattern?] = [:]

    private struct PatternKey: Hashable {
        var source: [UInt8]
        var isWhole: Bool
    }

    private struct Matches {
        var nodes: [Int] = []
        var most: Int
        /// With more than ``most`` it is over, which is a failure where all were asked for.
        var isFull: Bool { nodes.count >= most }
    }

    init(_ document: JSONDocument) {
        self.document = document
        steps = Self.maxSteps(for: document)
        nextCheck = steps - Self.checkInterval
        deadline = Self.threadNanoseconds() + Self.maxNanoseconds
    }

    /// One step is one value looked at, one selector or query asked, or some bytes of text read.
    static func maxSteps(for document: JSONDocument) -> Int {
        baseSteps + stepsPerValue * document.nodes.count
    }

    /// All nodes, in the order of the query. `root`: what `$` is.
    mutating func select(_ path: JSONPath, in root: Int = 0) throws(JSONPathExhausted) -> [Int] {
        known.removeAll(keepingCapacity: true)
        return try nodes(path, from: root, root: root)
    }

    mutating func selectFirst(_ path: JSONPath, in root: Int = 0) throws(JSONPathExhausted) -> Int? {
        known.removeAll(keepingCapacity: true)
        return try first(path, from: root, root: root)
    }

    private mutating func nodes(
        _ path: JSONPath, from node: Int, root: Int
    ) throws(JSONPathExhausted) -> [Int] {
        try spend()
        var matches = Matches(most: Self.maxMatches + 1)
        try walk(path.segments[...], node, root, &matches)
        if matches.isFull {
            throw JSONPathExhausted(message: "the query selects more than \(Self.maxMatches) values")
        }
        return matches.nodes
    }

    private mutating func first(
        _ path: JSONPath, from node: Int, root: Int
    ) throws(JSONPathExhausted) -> Int? {
        try spend()
        var matches = Matches(most: 1)
        try walk(path.segments[...], node, root, &matches)
        return matches.nodes.first
    }

    mutating func spend(_ count: Int = 1) throws(JSONPathExhausted) {
        steps -= count
        if steps < nextCheck { try check() }
    }

    /// Bytes of text that are read: compared some gigabytes a second, and read some bytes a nanosecond where escapes
    /// are undone or digits become a number.
    mutating func spend(bytes: Int, isConverted: Bool = false) throws(JSONPathExhausted) {
        try spend(isConverted ? bytes >> 4 : bytes >> 6)
    }

    private mutating func check() throws(JSONPathExhausted) {
        nextCheck = max(0, steps - Self.checkInterval)
        guard steps >= 0, Self.threadNanoseconds() <= deadline else {
            throw JSONPathExhausted(message: "the queries take too many steps on this document")
        }
    }

    /// All of a page is read on one thread.
    private static func threadNanoseconds() -> UInt64 {
        var time = timespec()
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
        return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
    }

    // MARK: Segments

    private mutating func walk(
        _ segments: ArraySlice<JSONPath.Segment>, _ node: Int, _ root: Int, _ matches: inout Matches
    ) throws(JSONPathExhausted) {
        guard let segment = segments.first else {
            matches.nodes.append(node)
            return
        }
        let rest = segments.dropFirst()
        guard segment.isDescendant else {
            return try apply(segment, rest, node, root, &matches)
        }
        // The node itself and all below it, parents first: they stand in this order (§2.5.2.2).
        var descendant = node
        let end = document.end(of: node)
        while descendant < end, !matches.isFull {
            try spend()
            if document.nodes[descendant].isReplaced {
                descendant = document.end(of: descendant)
                continue
            }
            if document.nodes[descendant].isContainer {
                try apply(segment, rest, descendant, root, &matches)
            }
            descendant += 1
        }
    }

    private mutating func apply(
        _ segment: JSONPath.Segment, _ rest: ArraySlice<JSONPath.Segment>, _ node: Int, _ root: Int,
        _ matches: inout Matches
    ) throws(JSONPathExhausted) {
        guard document.nodes[node].isContainer else { return }
        for selector in segment.selectors where !matches.isFull {
            try spend()
            switch selector {
            case .name(let name):
                if let member = try member(name, of: node) { try walk(rest, member, root, &matches) }
            case .index(let index):
                if let element = try element(index, of: node) { try walk(rest, element, root, &matches) }
            case .slice(let slice):
                for element in try elements(slice, of: node) where !matches.isFull {
                    try walk(rest, element, root, &matches)
                }
            case .wildcard:
                try forEachChild(of: node) { evaluator, child throws(JSONPathExhausted) in
                    try evaluator.walk(rest, child, root, &matches)
                    return !matches.isFull
                }
            case .filter(let condition):
                try forEachChild(of: node) { evaluator, child throws(JSONPathExhausted) in
                    if try evaluator.holds(condition, for: child, root) {
                        try evaluator.walk(rest, child, root, &matches)
                    }
                    return !matches.isFull
                }
            }
        }
    }

    // MARK: Selectors

    /// Until `body` returns false. A member that a later one replaced is passed over, and costs as much.
    mutating func forEachChild(
        of node: Int, _ body: (inout JSONPathEvaluator, Int) throws(JSONPathExhausted) -> Bool
    ) throws(JSONPathExhausted) {
        guard document.nodes[node].isContainer else { return }
        let end = document.end(of: node)
        var child = node + 1
        while child < end {
            try spend()
            if !document.nodes[child].isReplaced {
                guard try body(&self, child) else { return }
            }
            child = document.end(of: child)
        }
    }

    /// How many elements or members.
    mutating func count(of node: Int) throws(JSONPathExhausted) -> Int {
        var count = 0
        try forEachChild(of: node) { _, _ in
            count += 1
            return true
        }
        return count
    }

    mutating func member(_ name: [UInt8], of node: Int) throws(JSONPathExhausted) -> Int? {
        guard document.nodes[node].kind == .object else { return nil }
        var found: Int?
        try forEachChild(of: node) { evaluator, child throws(JSONPathExhausted) in
            try evaluator.spendOnName(of: child, name.count)
            if evaluator.document.hasName(child, name) { found = child }
            return found == nil
        }
        return found
    }

    /// Names of another length are not read, unless they are escaped.
    private mutating func spendOnName(of node: Int, _ wanted: Int) throws(JSONPathExhausted) {
        let entry = document.nodes[node]
        if entry.isNameEscaped {
            try spend(bytes: Int(entry.nameLength), isConverted: true)
        } else if Int(entry.nameLength) == wanted {
            try spend(bytes: wanted)
        }
    }

    private mutating func element(_ index: Int, of node: Int) throws(JSONPathExhausted) -> Int? {
        guard document.nodes[node].kind == .array else { return nil }
        var left = index
        if index < 0 {
            left += try count(of: node)
            if left < 0 { return nil }
        }
        var found: Int?
        try forEachChild(of: node) { _, child in
            if left == 0 { found = child }
            left -= 1
            return found == nil
        }
        return found
    }

    /// §2.3.4.2
    private mutating func elements(
        _ slice: JSONPath.Slice, of node: Int
    ) throws(JSONPathExhausted) -> [Int] {
        guard document.nodes[node].kind == .array, slice.step != 0 else { return [] }
        var all: [Int] = []
        try forEachChild(of: node) { _, child throws(JSONPathExhausted) in
            all.append(child)
            return true
        }
        let count = all.count
        let step = slice.step
        func bounded(_ bound: Int?, orElse fallback: Int) -> Int {
            guard let bound else { return fallback }
            let place = bound < 0 ? count + bound : bound
            return step > 0 ? min(max(place, 0), count) : min(max(place, -1), count - 1)
        }
        let start = bounded(slice.start, orElse: step > 0 ? 0 : count - 1)
        let end = bounded(slice.end, orElse: step > 0 ? count : -1)
        return stride(from: start, to: end, by: step).map { all[$0] }
    }

    // MARK: What filters ask

    mutating func exists(_ path: JSONPath, for current: Int, _ root: Int) throws(JSONPathExhausted) -> Bool {
        if path.root == .current { return try first(path, from: current, root: root) != nil }
        return try !answer(path, root, firstOnly: true).isEmpty
    }

    /// The only node, where the query selects exactly one.
    mutating func only(_ path: JSONPath, for current: Int, _ root: Int) throws(JSONPathExhausted) -> Int? {
        if path.isSingular, path.root == .current { return try first(path, from: current, root: root) }
        let nodes = try all(path, for: current, root)
        return nodes.count == 1 ? nodes[0] : nil
    }

    mutating func all(_ path: JSONPath, for current: Int, _ root: Int) throws(JSONPathExhausted) -> [Int] {
        if path.root == .current { return try nodes(path, from: current, root: root) }
        return try answer(path, root, firstOnly: false)
    }

    /// A query with `$` is answered once: its answer is the same for every element a filter looks at.
    private mutating func answer(
        _ path: JSONPath, _ root: Int, firstOnly: Bool
    ) throws(JSONPathExhausted) -> [Int] {
        if let known = known[path.number] { return known }
        var answer: [Int] = []
        if firstOnly {
            if let node = try first(path, from: root, root: root) { answer = [node] }
        } else {
            answer = try nodes(path, from: root, root: root)
        }
        known[path.number] = answer
        return answer
    }

    /// Nil where `source` is no I-Regexp.
    mutating func pattern(_ source: [UInt8], isWhole: Bool) throws(JSONPathExhausted) -> Pattern? {
        try spend(bytes: source.count, isConverted: true)
        let key = PatternKey(source: source, isWhole: isWhole)
        if let kept = patterns[key] { return kept }
        try spend(100 + 10 * source.count)
        let pattern = IRegexp.pattern(String(decoding: source, as: UTF8.self), isWhole: isWhole)
        if patterns.count < Self.maxKeptPatterns { patterns[key] = .some(pattern) }
        return pattern
    }
}
