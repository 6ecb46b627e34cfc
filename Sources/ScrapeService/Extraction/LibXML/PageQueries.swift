internal import CLibXML

/// One selector of a plan, checked and, as far as it may be shared between threads, compiled.
enum PageQuery: Sendable {
    /// The context itself: XPath's `.`.
    case itself
    case css(SelectorProgram)
    case xpath(XPathSyntax)
}

/// What a query found: a node of the page, its markup, or a value that XPath computed.
enum PageMatch {
    case node(xmlNodePtr)
    case markup(xmlNodePtr)
    case value(String)
}

/// What one thread needs to run a plan's queries, one page after another.
// Unchecked because libxml2's objects inside are not safe to share: whoever holds this hands it to one thread
// at a time.
final class PageQueries: @unchecked Sendable {
    fileprivate enum Compiled {
        case itself
        case css(SelectorProgram)
        case xpath(XPathProgram)
    }

    fileprivate let compiled: [Compiled]
    fileprivate let evaluator: XPathEvaluator?

    /// Throws ``SelectorError`` where an XPath does not compile.
    init(_ queries: [PageQuery]) throws {
        var needsXPath = false
        compiled = try queries.map { query in
            switch query {
            case .itself: return .itself
            case .css(let program): return .css(program)
            case .xpath(let syntax):
                needsXPath = true
                return .xpath(try XPathProgram(syntax))
            }
        }
        evaluator = needsXPath ? try XPathEvaluator() : nil
    }

    /// Parses the page, and frees it when `body` is done: no match may leave `body`. Throws
    /// ``ExtractionError``.
    func withPage<Result>(
        _ text: PageText, isXML: Bool, body: (inout PageReading) throws -> Result
    ) throws -> Result {
        let tree = try PageTree(text, isXML: isXML)
        evaluator?.begin(tree)
        defer { evaluator?.end() }
        var reading = PageReading(queries: self, tree: tree)
        return try body(&reading)
    }
}

/// The queries at work on one page, with the budgets of that page.
struct PageReading: ~Copyable {
    private let queries: PageQueries
    private let tree: PageTree
    private var matcher: SelectorMatcher
    private var reader: TextReader

    fileprivate init(queries: PageQueries, tree: consuming PageTree) {
        self.queries = queries
        matcher = SelectorMatcher(page: tree)
        reader = TextReader(standIns: tree.standIns)
        self.tree = tree
    }

    /// What a query finds inside `context` (nil: the page), in document order, until `visit` says stop by
    /// `false`.
    mutating func find(
        _ query: Int, in context: PageMatch?, visit: (PageMatch, inout PageReading) throws -> Bool
    ) throws {
        let scope: xmlNodePtr?
        switch context {
        case nil: scope = nil
        case .node(let node)?, .markup(let node)?: scope = node
        case .value?: return
        }
        switch queries.compiled[query] {
        case .itself:
            if let node = scope ?? tree.root { _ = try visit(.node(node), &self) }
        case .css(let program):
            try findCSS(program, within: scope, visit: visit)
        case .xpath(let program):
            try findXPath(program, at: scope ?? tree.root ?? tree.top, visit: visit)
        }
    }

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
        let top = scope ?? tree.top
        if let scope, !scope.isElement { return }
        var node: xmlNodePtr? = top
        while let current = node {
            if current.isElement {
                guard try visitElement(current, program, within: scope, visit: visit) else { return }
            } else if program.takesText, current.isText, let parent = current.parentElement, current != top {
                if isTextSelected(parent, program, within: scope) {
                    guard try visit(.node(current), &self) else { return }
                }
            }
            if matcher.isExhausted {
                throw ExtractionError.failed("the selectors take too many steps on this page")
            }
            node = current.following(within: top)
        }
    }

    private mutating func isTextSelected(
        _ parent: xmlNodePtr, _ program: SelectorProgram, within scope: xmlNodePtr?
    ) -> Bool {
        for alternative in program.alternatives {
            guard case .ownText = alternative.output else { continue }
            if matcher.matches(parent, alternative.selector, within: scope) { return true }
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
            guard matcher.matches(element, alternative.selector, within: scope),
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
        _ program: XPathProgram, at node: xmlNodePtr, visit: (PageMatch, inout PageReading) throws -> Bool
    ) throws {
        guard let evaluator = queries.evaluator else { return }
        if program.operands.count > 1 {
            for match in try unite(program.operands, at: node, with: evaluator) {
                guard try visit(match, &self) else { return }
            }
            return
        }
        try evaluator.evaluate(program.operands[0], at: node) { result in
            try Self.forEachMatch(in: result) { match in try visit(match, &self) }
        }
    }

    /// Every node once, in document order, by merging sorted lists instead of comparing all with all.
    private func unite(
        _ operands: [XPathProgram.Operand], at node: xmlNodePtr, with evaluator: XPathEvaluator
    ) throws -> [PageMatch] {
        var nodes: [xmlNodePtr] = []
        for operand in operands {
            try evaluator.evaluate(operand, at: node) { result in
                try Self.forEachMatch(in: result) { match in
                    if case .node(let node) = match { nodes.append(node) }
                    return true
                }
            }
        }
        let sorted = nodes.sorted { xmlXPathCmpNodes($0, $1) > 0 }
        return sorted.indices.filter { $0 == 0 || sorted[$0] != sorted[$0 - 1] }.map { .node(sorted[$0]) }
    }

    private static func forEachMatch(
        in result: xmlXPathObjectPtr, visit: (PageMatch) throws -> Bool
    ) throws {
        guard result.pointee.type == XPATH_NODESET else {
            guard let text = xmlXPathCastToString(result) else { return }
            defer { clibxml_free(text) }
            _ = try visit(.value(String(cString: text)))
            return
        }
        guard let set = result.pointee.nodesetval else { return }
        for index in 0..<Int(set.pointee.nodeNr) {
            guard let node = set.pointee.nodeTab[index], let match = match(node) else { continue }
            guard try visit(match) else { return }
        }
    }

    /// A namespace node is of another structure and belongs to the result; the document stands for its root.
    private static func match(_ node: xmlNodePtr) -> PageMatch? {
        if node.pointee.type == XML_NAMESPACE_DECL {
            let namespace = UnsafeMutableRawPointer(node).assumingMemoryBound(to: xmlNs.self)
            return namespace.pointee.href.map { .value(String(cString: $0)) }
        }
        return .node(node)
    }
}
