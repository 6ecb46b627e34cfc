internal import CLibXML

/// One selector of a plan, checked and compiled; threads share it.
enum PageQuery: Sendable {
    /// The context itself: XPath's `.`.
    case itself
    case css(SelectorProgram)
    case xpath(XPathExpression)
}

/// What a query found: a node of the page, its markup, or a value that XPath computed.
enum PageMatch {
    case node(xmlNodePtr)
    case markup(xmlNodePtr)
    case value(String)
}

/// A plan's queries, to be run on one page after another.
final class PageQueries: Sendable {
    fileprivate let queries: [PageQuery]

    /// Throws nothing yet: every query was checked when it was compiled.
    init(_ queries: [PageQuery]) throws {
        self.queries = queries
    }

    /// Parses the page, and frees it when `body` is done: no match may leave `body`. Throws
    /// ``ExtractionError``.
    func withPage<Result>(
        _ text: PageText, isXML: Bool, body: (inout PageReading) throws -> Result
    ) throws -> Result {
        let tree = try PageTree(text, isXML: isXML)
        var reading = PageReading(queries: queries, tree: tree)
        return try body(&reading)
    }
}

/// The queries at work on one page, with the budgets of that page.
struct PageReading: ~Copyable {
    private let queries: [PageQuery]
    private let tree: PageTree
    /// Behind a pointer, as matcher and evaluator both spend from it.
    private let budget: UnsafeMutablePointer<SelectorBudget>
    private var matcher: SelectorMatcher
    private let evaluator: XPathEvaluator
    private var reader: TextReader

    fileprivate init(queries: [PageQuery], tree: consuming PageTree) {
        self.queries = queries
        budget = .allocate(capacity: 1)
        budget.initialize(to: SelectorBudget(selectors: queries.count))
        matcher = SelectorMatcher(page: tree, budget: budget)
        evaluator = XPathEvaluator(page: tree.top, budget: budget)
        reader = TextReader(standIns: tree.standIns, budget: budget)
        self.tree = tree
    }

    deinit {
        budget.deinitialize(count: 1)
        budget.deallocate()
    }

    /// What a query finds inside `context` (nil: the page), in document order, until `visit` says stop by
    /// `false`. Throws ``ExtractionError/exhausted(_:)`` where this query costs too much on this page; others may
    /// still be asked.
    mutating func find(
        _ query: Int, in context: PageMatch?, visit: (PageMatch, inout PageReading) throws -> Bool
    ) throws {
        let scope: xmlNodePtr?
        switch context {
        case nil: scope = nil
        case .node(let node)?, .markup(let node)?: scope = node
        case .value?: return
        }
        let outer = try budget.pointee.enter(query)
        defer { budget.pointee.leave(to: outer) }
        switch queries[query] {
        case .itself:
            if let node = scope ?? tree.root { _ = try visit(.node(node), &self) }
        case .css(let program):
            try findCSS(program, within: scope, visit: visit)
        case .xpath(let expression):
            try findXPath(expression, at: scope ?? tree.root ?? tree.top, visit: visit)
        }
    }

    /// Whether the query alone has used up what one may on this page.
    func hasRunAway(_ query: Int) -> Bool { budget.pointee.hasRunAway(query) }

    mutating func first(_ query: Int, in context: PageMatch?) throws -> PageMatch? {
        var found: PageMatch?
        try find(query, in: context) { match, _ in
            found = match
            return false
        }
        return found
    }

    mutating func all(_ query: Int, in context: PageMatch?) throws -> [PageMatch] {
        var found: [PageMatch] = []
        try find(query, in: context) { match, _ in
            found.append(match)
            return true
        }
        return found
    }

    /// Work on what the current query found. Throws ``ExtractionError/exhausted(_:)``.
    mutating func spend(_ steps: Int) throws { try budget.pointee.spend(steps) }

    // MARK: Values

    mutating func text(of match: PageMatch, trimmed: Bool) throws -> String {
        switch match {
        case .node(let node):
            return try reader.text(of: node, trimmed: trimmed)
        case .markup(let node):
            return try reader.markup(of: node, in: tree)
        case .value(var value):
            return try value.withUTF8 { try reader.string($0, trimmed: trimmed) }
        }
    }

    /// Where a match leads: the attribute it is, `href` or `src` of the element it is, or nil.
    mutating func link(of match: PageMatch) throws -> String? {
        guard case .node(let node) = match, node.isElement else {
            if case .markup(let node) = match { return try link(of: .node(node)) }
            return try text(of: match, trimmed: true)
        }
        guard let attribute = node.attribute(MarkupNames.href) ?? node.attribute(MarkupNames.src) else {
            return nil
        }
        return try reader.text(of: attribute.node, trimmed: true)
    }

    /// The first `<base href>`.
    mutating func base() throws -> String? {
        var node: xmlNodePtr? = tree.top
        while let current = node {
            if current.isElement, let name = current.pointee.name, sameText(name, MarkupNames.base),
                let attribute = current.attribute(MarkupNames.href)
            {
                return try reader.text(of: attribute.node, trimmed: true)
            }
            node = current.following(within: tree.top)
        }
        return nil
    }

    // MARK: CSS

    private mutating func findCSS(
        _ program: SelectorProgram, within scope: xmlNodePtr?,
        visit: (PageMatch, inout PageReading) throws -> Bool
    ) throws {
        // XPath's `/` is the whole page.
        let scope = scope.flatMap { $0.isDocument ? nil : $0 }
        let top = scope ?? tree.top
        if let scope, !scope.isElement { return }
        var node: xmlNodePtr? = top
        while let current = node {
            if current.isElement {
                guard try visitElement(current, program, within: scope, visit: visit) else { return }
            } else if program.takesText, current.isText, let parent = current.parentElement, current != top {
                if try isTextSelected(parent, program, within: scope) {
                    guard try visit(.node(current), &self) else { return }
                }
            }
            try budget.pointee.spend()
            node = current.following(within: top)
        }
    }

    private mutating func isTextSelected(
        _ parent: xmlNodePtr, _ program: SelectorProgram, within scope: xmlNodePtr?
    ) throws -> Bool {
        for alternative in program.alternatives {
            guard case .ownText = alternative.output else { continue }
            if try matcher.matches(parent, alternative.selector, within: scope) { return true }
        }
        return false
    }

    /// False to stop. An element that several alternatives select is one match, unless they take different
    /// things of it.
    private mutating func visitElement(
        _ element: xmlNodePtr, _ program: SelectorProgram, within scope: xmlNodePtr?,
        visit: (PageMatch, inout PageReading) throws -> Bool
    ) throws -> Bool {
        var taken = Taken()
        for alternative in program.alternatives {
            if case .ownText = alternative.output { continue }
            guard try matcher.matches(element, alternative.selector, within: scope),
                let match = taken.match(element, alternative.output, isXML: tree.isXML)
            else { continue }
            guard try visit(match, &self) else { return false }
        }
        return true
    }

    /// What of the current element has been handed out.
    private struct Taken {
        private var element = false
        private var markup = false
        private var attributes: [xmlNodePtr] = []

        mutating func match(_ node: xmlNodePtr, _ output: SelectorProgram.Output, isXML: Bool) -> PageMatch? {
            switch output {
            case .element:
                if element { return nil }
                element = true
                return .node(node)
            case .markup:
                if markup { return nil }
                markup = true
                return .markup(node)
            case .attribute(let name):
                guard let attribute = node.attribute(isXML ? name.xml : name.html)?.node else { return nil }
                if attributes.contains(attribute) { return nil }
                attributes.append(attribute)
                return .node(attribute)
            case .ownText:
                return nil
            }
        }
    }

    // MARK: XPath

    private mutating func findXPath(
        _ expression: XPathExpression, at node: xmlNodePtr,
        visit: (PageMatch, inout PageReading) throws -> Bool
    ) throws {
        let context = XPathContext(node: node)
        if expression.kind == .nodes {
            for node in try evaluator.nodes(expression, in: context) {
                guard try visit(.node(node), &self) else { return }
            }
        } else {
            let text = try evaluator.string(expression, in: context)
            _ = try visit(.value(String(decoding: text, as: UTF8.self)), &self)
        }
    }
}
