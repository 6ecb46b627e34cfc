import Synchronization

/// A page kind's selectors at work on libxml2's tree: each page is parsed once, whatever is taken from it.
final class TreePlan: PagePlan {
    private struct FieldPlan: Sendable {
        var query: Int
        var keepsWhitespace: Bool
    }

    private let queries: [PageQuery]
    private let links: [Int]
    private let each: Int?
    private let fields: [FieldPlan]
    private let readings: [FieldReading]
    private let takesURLs: Bool
    /// Compiled queries that no thread is using. There are never more than threads that extract at once.
    private let idle: Mutex<[PageQueries]>

    /// Throws ``SelectorError`` for the first selector or pattern that does not parse.
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
            FieldPlan(query: try index(of: field.selector), keepsWhitespace: field.keepWhitespace)
        }
        readings = try kind.fields.map { try FieldReading($0) }
        takesURLs = kind.fields.contains { $0.type == .url }
        self.queries = queries
        idle = Mutex([try PageQueries(queries)])
    }

    /// Throws ``ExtractionError``.
    func extract(_ document: PageDocument) throws -> Extraction {
        let dialect = try ContentSniffer.dialect(of: document)
        let text = try PageText(document)
        let workers = try idle.withLock { $0.popLast() } ?? PageQueries(queries)
        defer { idle.withLock { $0.append(workers) } }
        return try workers.withPage(text, isXML: dialect == .xml) { page in
            var result = Extraction()
            var reader = FieldReader(readings)
            result.encoding = text.encoding.description
            result.links = try readLinks(&page, &reader)
            result.items = try readItems(&page, &reader)
            result.warnings = reader.warnings
            if takesURLs || result.links.contains(where: { !$0.isEmpty }) { result.base = try page.base() }
            return result
        }
    }

    private func readLinks(_ page: inout PageReading, _ reader: inout FieldReader) throws -> [[String]] {
        var lists: [[String]] = []
        for query in links {
            var list: [String] = []
            do {
                try page.find(query, in: nil) { match, page in
                    if let link = try page.link(of: match) { list.append(link) }
                    return true
                }
            } catch ExtractionError.exhausted {
                reader.selectorRanAway()
                list = []
            }
            lists.append(list)
        }
        return lists
    }

    private func readItems(
        _ page: inout PageReading, _ reader: inout FieldReader
    ) throws -> [[FieldValue?]] {
        guard !fields.isEmpty else { return [] }
        guard let each else {
            return try readItem(in: nil, &page, &reader).map { [$0] } ?? []
        }
        var items: [[FieldValue?]] = []
        do {
            try page.find(each, in: nil) { match, page in
                if let item = try readItem(in: match, &page, &reader) { items.append(item) }
                return true
            }
        } catch ExtractionError.exhausted {
            reader.selectorRanAway()
            // Where the page's selectors together ran away, what was read until then stays.
            if page.hasRunAway(each) { return [] }
        }
        return items
    }

    /// Nil where no field matched.
    private func readItem(
        in context: PageMatch?, _ page: inout PageReading, _ reader: inout FieldReader
    ) throws -> [FieldValue?]? {
        // Fields that were given up are not asked, but cost as well.
        if context != nil { try page.spend(fields.count) }
        return try reader.item { index, reader in
            let field = fields[index]
            return try reader.value(of: index) { take in
                try page.find(field.query, in: context) { match, page in
                    try take(.text(try page.text(of: match, trimmed: !field.keepsWhitespace)))
                }
            }
        }
    }
}
