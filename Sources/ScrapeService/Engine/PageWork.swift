import Foundation

/// From an answer to a settlement's result: extraction, links made absolute, items as JSON. Runs on a worker.
struct PageWork: Sendable {
    /// Of all items of a page as JSON, the names of their fields counted: as much as the largest body, and what one
    /// statement that stores them can carry.
    static let maxItemBytes = 256 << 20

    let kind: PageKind
    let plan: any PagePlan
    let urls: any URLParsing
    private let filters: [LinkFilter]

    /// Throws ``PatternError``.
    init(kind: PageKind, plan: any PagePlan, urls: any URLParsing) throws(PatternError) {
        self.kind = kind
        self.plan = plan
        self.urls = urls
        var filters: [LinkFilter] = []
        for rule in kind.follow { filters.append(try LinkFilter(rule)) }
        self.filters = filters
    }

    func read(_ response: FetchResponse) throws -> PageSettlement.Result {
        let document = PageDocument(body: response.body, contentType: response.contentType)
        var extraction = try plan.extract(document)
        let base = base(of: extraction, finalURL: response.finalURL)
        var budget = LinkBudget()
        let links = try links(of: &extraction, base: base, finalURL: response.finalURL, within: &budget)
        let report = try PageFields(kind, urls).finish(&extraction, base: base, within: &budget)
        return .fetched(
            PageYield(
                items: try encode(extraction.items), links: links, encoding: extraction.encoding,
                fields: report))
    }

    /// What references of the page are resolved against.
    private func base(of extraction: Extraction, finalURL: String) -> String {
        guard let written = extraction.base else { return finalURL }
        return urls.resolve([written], against: finalURL)[0]?.text ?? finalURL
    }

    private func encode(_ items: [[FieldValue?]]) throws(ExtractionError) -> [ItemData] {
        var encoded: [ItemData] = []
        encoded.reserveCapacity(items.count)
        var bytes = 0
        for item in items {
            encoded.append(encode(item))
            bytes += encoded[encoded.count - 1].json.utf8.count
            if bytes > Self.maxItemBytes {
                throw .tooLarge("the page's items have more than \(Self.maxItemBytes >> 20) MiB as JSON")
            }
        }
        return encoded
    }

    private func encode(_ values: [FieldValue?]) -> ItemData {
        var writer = JSONWriter()
        writer.object { object in
            for (field, value) in zip(kind.fields, values) {
                object.key(field.name)
                Self.write(value ?? .null, to: &object)
            }
        }
        return ItemData(json: String(decoding: writer.bytes, as: UTF8.self))
    }

    private static func write(_ value: FieldValue, to writer: inout JSONWriter) {
        switch value {
        case .text(let text): writer.string(clean(text))
        case .number(let number): writer.raw(number)
        case .boolean(let flag): writer.bool(flag)
        case .null: writer.null()
        case .list(let values):
            writer.array { list in for value in values { write(value, to: &list) } }
        case .object(let members):
            writer.object { object in
                for member in members {
                    object.key(clean(member.name))
                    write(member.value, to: &object)
                }
            }
        }
    }

    /// Postgres stores every character but U+0000: this is the one place that takes it out.
    private static func clean(_ text: String) -> String {
        text.utf8.contains(0) ? String(text.unicodeScalars.filter { $0 != "\0" }.map(Character.init)) : text
    }

    /// Each link once, in the order of the page. One on which a pattern runs away is not followed, nor is one that
    /// comes after all of ``Pattern/maxPageSteps`` and would be searched.
    private func links(
        of extraction: inout Extraction, base: String, finalURL: String, within budget: inout LinkBudget
    ) throws(ExtractionError) -> [DiscoveredPage] {
        let own = kind.follow.contains(where: \.sameHost) ? urls.parse(finalURL)?.host : nil
        var seen: Set<DiscoveredPage> = []
        var links: [DiscoveredPage] = []
        var exhausted = 0
        var patternSteps = Pattern.maxPageSteps
        for ((rule, filter), references) in zip(zip(kind.follow, filters), extraction.links) {
            // No pattern is matched against the same link twice.
            var looked: Set<DiscoveredPage> = []
            let linked = LinkedPages(rule: rule, urls: urls)
            for page in try linked.pages(references, base: base, within: &budget) {
                if filter.hasPatterns, seen.contains(page) || !looked.insert(page).inserted { continue }
                do throws(PatternExhausted) {
                    guard try filter.follows(page.url, from: own, within: &patternSteps) else { continue }
                } catch {
                    exhausted += 1
                    continue
                }
                if seen.insert(page).inserted { links.append(page) }
            }
        }
        if exhausted > 0 {
            extraction.warnings[FieldWarning(code: .patternExhausted), default: 0] += exhausted
        }
        return links
    }
}
