import Synchronization

/// A page kind's selectors at work on libxml2's tree: each page is parsed once, whatever is taken from it.
final class TreePlan: PagePlan {
    private struct FieldPlan: Sendable {
        var query: Int
        var all: Bool
        var keepsWhitespace: Bool
    }

    private let queries: [PageQuery]
    private let links: [Int]
    private let each: Int?
    private let fields: [FieldPlan]
    /// Compiled queries that no thread is using. There are never more than threads that extract at once.
    private let idle: Mutex<[PageQueries]>

    /// Throws ``SelectorError`` for the first selector that does not parse.
    init(_ kind: PageKind) throws {
        var queries: [PageQuery] = []
        var indices: [Selector: Int] = [:]
        func index(of selector: Selector) throws -> Int {
            if let known = indices[selector] { return known }
            queries.append(try HTMLPageCompiler.query(selector))
            indices[selector] = queries.count - 1
            return queries.count - 1
        }
        links = try kind.follow.map { try index(of: $0.links) }
        each = try kind.each.map { try index(of: $0) }
        fields = try kind.fields.map { field in
            FieldPlan(
                query: try index(of: field.selector), all: field.all, keepsWhitespace: field.keepWhitespace)
        }
        self.queries = queries
        idle = Mutex([try PageQueries(queries)])
    }

    /// Throws ``ExtractionError``.
    func extract(_ document: PageDocument) throws -> Extraction {
        let dialect = try ContentSniffer.dialect(of: document)
        let text = try PageText(document)
        let workers = try idle.withLock { $0.popLast() } ?? PageQueries(queries)
        defer { idle.withLock { $0.append(workers) } }
        return try workers.withPage(text.bytes, from: text.start, isXML: dialect == .xml) { page in
            var result = Extraction()
            result.links = try readLinks(&page)
            result.items = try readItems(&page)
            if result.links.contains(where: { !$0.isEmpty }) { result.base = try page.base() }
            return result
        }
    }

    private func readLinks(_ page: inout PageReading) throws -> [[String]] {
        var lists: [[String]] = []
        for query in links {
            var list: [String] = []
            try page.find(query, in: nil) { match, page in
                if let link = try page.link(of: match) { list.append(link) }
                return true
            }
            lists.append(list)
        }
        return lists
    }

    private func readItems(_ page: inout PageReading) throws -> [[FieldValue?]] {
        guard !fields.isEmpty else { return [] }
        guard let each else {
            return try readItem(in: nil, &page).map { [$0] } ?? []
        }
        var items: [[FieldValue?]] = []
        try page.find(each, in: nil) { match, page in
            if let item = try readItem(in: match, &page) { items.append(item) }
            return true
        }
        return items
    }

    /// Nil where no field matched.
    private func readItem(in context: PageMatch?, _ page: inout PageReading) throws -> [FieldValue?]? {
        var values: [FieldValue?] = []
        values.reserveCapacity(fields.count)
        var matched = false
        for field in fields {
            let value = try readField(field, in: context, &page)
            matched = matched || value != nil
            values.append(value)
        }
        return matched ? values : nil
    }

    private func readField(
        _ field: FieldPlan, in context: PageMatch?, _ page: inout PageReading
    ) throws -> FieldValue? {
        guard field.all else {
            var text: String?
            try page.find(field.query, in: context) { match, page in
                text = try page.text(of: match, trimmed: !field.keepsWhitespace)
                return false
            }
            return text.map(FieldValue.text)
        }
        var texts: [String] = []
        try page.find(field.query, in: context) { match, page in
            texts.append(try page.text(of: match, trimmed: !field.keepsWhitespace))
            return true
        }
        return texts.isEmpty ? nil : .list(texts.map(FieldValue.text))
    }
}
