/// The answer of a preview: at most ``maxBytes``, whatever the pages are.
struct PreviewView: Sendable {
    static let maxBytes = 1 << 20
    /// Of `maxBytes`, for what is not of one page.
    private static let frameBytes = 128 << 10

    let report: PreviewReport

    var bytes: [UInt8] {
        let share = (Self.maxBytes - Self.frameBytes) / max(1, report.pages.count)
        var writer = JSONWriter(capacity: 4096)
        writer.object { body in
            body.key("complete")
            body.bool(report.unreached.isEmpty && report.leftOut.isEmpty && !report.ranOutOfTime)
            body.key("seconds")
            body.number(report.seconds)
            body.key("pages")
            body.array { list in
                for page in report.pages {
                    PreviewPageView(page: page, maxBytes: share).write(to: &list)
                }
            }
            body.key("unreached")
            body.array { list in
                for kind in report.unreached + report.leftOut { list.string(kind) }
            }
        }
        return writer.bytes
    }
}

/// One page of a preview. What does not fit is left out, and `cut` says so.
struct PreviewPageView {
    /// Items shown: enough to see what the rest looks like, as are links.
    static let maxItems = 5
    static let maxLinks = 5
    /// Characters of a text, elements of a list: of an item that is too long to be shown whole.
    static let maxTextLength = 1_000
    static let maxListLength = 20
    /// Characters of URLs, and of what a server says of its answer.
    static let maxHeadLength = 1_000
    /// Four of them, where each character is one that JSON escapes, with the members around them.
    private static let maxHeadBytes = 4 * 6 * maxHeadLength + 2_000

    private let page: PreviewPage
    private let items: [String]
    private let links: [String]
    private let selectors: [String]
    private let warnings: [String]
    private let cut: Bool

    init(page: PreviewPage, maxBytes: Int) {
        self.page = page
        let kind = page.settlement.page.kind
        let left = maxBytes - Self.maxHeadBytes
        // Half of it: what they found is shown too.
        var budget = Budget(left: left / 2)
        selectors = page.selectors.map { Self.text($0, kind) }.filter { budget.take($0) }
        budget.left += left - left / 2
        guard case .fetched(let yield) = page.settlement.result else {
            (items, links, warnings, cut) = ([], [], [], budget.isShort || page.bodyIsCut)
            return
        }
        warnings = Self.texts(of: yield.fields, page.selectors, kind).filter { budget.take($0) }
        links = Self.texts(ofLinks: yield.links).filter { budget.take($0) }
        items = Self.texts(of: yield.items, in: &budget)
        cut = budget.isShort || page.bodyIsCut
    }

    /// Bytes that may still be written.
    private struct Budget {
        var left: Int
        var isShort = false

        /// False: there is no room for it.
        mutating func take(_ json: String) -> Bool {
            guard json.utf8.count < left else {
                isShort = true
                return false
            }
            left -= json.utf8.count + 1
            return true
        }
    }

    // MARK: Writing

    func write(to writer: inout JSONWriter) {
        let settlement = page.settlement
        writer.object { entry in
            entry.key("url")
            entry.string(Self.head(settlement.page.url.text))
            entry.key("page")
            entry.string(settlement.page.kind)
            entry.key("depth")
            entry.int(settlement.page.depth)
            writeResult(&entry)
            entry.key("http_status")
            if let status = settlement.httpStatus { entry.int(status) } else { entry.null() }
            entry.key("final_url")
            entry.string(optional: page.finalURL.map(Self.head))
            entry.key("content_type")
            entry.string(optional: page.contentType.map(Self.head))
            entry.key("encoding")
            entry.string(optional: page.encoding)
            entry.key("bytes")
            entry.int(settlement.bytes)
            entry.key("seconds")
            entry.number(settlement.seconds)
            entry.key("robots")
            entry.string(robots)
            if let delay = page.crawlDelay {
                entry.key("crawl_delay_seconds")
                entry.number(delay / .seconds(1))
            }
            writeYield(&entry)
            entry.key("cut")
            entry.bool(cut)
        }
    }

    private func writeResult(_ entry: inout JSONWriter) {
        let (status, error): (PageStatus, String?) =
            switch page.settlement.result {
            case .fetched: (.fetched, nil)
            case .failed(let code), .retry(let code, _): (.failed, code.text)
            case .skipped(let reason): (.skipped, reason.rawValue)
            }
        entry.key("status")
        entry.string(status.rawValue)
        entry.key("error")
        entry.string(optional: error)
        entry.key("detail")
        entry.string(optional: page.settlement.detail.map(Self.head))
    }

    private func writeYield(_ entry: inout JSONWriter) {
        var found = 0
        if case .fetched(let yield) = page.settlement.result { found = yield.items.count }
        entry.key("items_found")
        entry.int(found)
        let lists = [("items", items), ("links", links), ("selectors", selectors), ("warnings", warnings)]
        for (name, elements) in lists {
            entry.key(name)
            entry.array { list in for element in elements { list.raw(element) } }
        }
    }

    private var robots: String {
        switch page.robots {
        case .allowed: "allowed"
        case .disallowed: "disallowed"
        case .unreachable: "unreachable"
        case .notAsked: "not_asked"
        }
    }

    // MARK: Making texts

    private static func head(_ text: String) -> String { cut(text, to: maxHeadLength) }

    private static func cut(_ text: String, to length: Int) -> String {
        guard
            let end = text.unicodeScalars.index(
                text.startIndex, offsetBy: length, limitedBy: text.endIndex), end < text.endIndex
        else { return text }
        return String(text.unicodeScalars[..<end]) + "…"
    }

    private static func object(_ members: (inout JSONWriter) -> Void) -> String {
        var writer = JSONWriter()
        writer.object(members)
        return String(decoding: writer.bytes, as: UTF8.self)
    }

    /// Where a selector stands in the job, as a JSON pointer.
    private static func pointer(_ place: PreviewSelector.Place, _ kind: String) -> String {
        let place =
            switch place {
            case .each: "each"
            case .field(let name): "fields/" + JSONPointer.escape(name)
            case .follow(let index): "follow/\(index)/links"
            }
        return "/pages/\(JSONPointer.escape(kind))/\(place)"
    }

    /// What a run of the job would count for this page.
    private static func texts(of report: FieldReport?, _ selectors: [PreviewSelector], _ kind: String)
        -> [String]
    {
        let fields = selectors.filter { if case .field = $0.place { true } else { false } }
        let warnings = (report?.warnings ?? [:]).keys.sorted {
            ($0.field ?? -1, $0.code.rawValue) < ($1.field ?? -1, $1.code.rawValue)
        }
        return warnings.map { warning in
            let place = warning.field.flatMap { fields.indices.contains($0) ? fields[$0].place : nil }
            return object { entry in
                entry.key("code")
                entry.string(warning.code.rawValue)
                entry.key("pointer")
                entry.string(place.map { pointer($0, kind) } ?? "/pages/\(JSONPointer.escape(kind))")
            }
        }
    }

    private static func text(_ selector: PreviewSelector, _ kind: String) -> String {
        object { entry in
            entry.key("pointer")
            entry.string(pointer(selector.place, kind))
            entry.key("matched")
            entry.int(selector.matched)
            entry.key("values")
            entry.int(selector.values)
        }
    }

    /// By the kind they lead to, in the page's order.
    private static func texts(ofLinks links: [DiscoveredPage]) -> [String] {
        var kinds: [String] = []
        var byKind: [String: [DiscoveredPage]] = [:]
        for link in links {
            if byKind[link.kind] == nil { kinds.append(link.kind) }
            byKind[link.kind, default: []].append(link)
        }
        return kinds.map { kind in
            let links = byKind[kind] ?? []
            return object { entry in
                entry.key("as")
                entry.string(kind)
                entry.key("found")
                entry.int(links.count)
                entry.key("sample")
                entry.array { list in
                    for link in links.prefix(maxLinks) { list.string(head(link.url.text)) }
                }
            }
        }
    }

    /// The first ones, whole as far as they fit.
    private static func texts(of items: [ItemData], in budget: inout Budget) -> [String] {
        var texts: [String] = []
        let shown = items.prefix(maxItems)
        for (index, item) in shown.enumerated() {
            let share = budget.left / (shown.count - index)
            var text = item.json
            if text.utf8.count >= share {
                budget.isShort = true
                text = String(decoding: cut(ItemView.parse(item)).bytes, as: UTF8.self)
            }
            guard text.utf8.count < share, budget.take(text) else { break }
            texts.append(text)
        }
        return texts
    }

    private static func cut(_ value: JSONValue) -> JSONValue {
        switch value {
        case .string(let text): .string(cut(text, to: maxTextLength))
        case .array(let elements): .array(elements.prefix(maxListLength).map(cut))
        case .object(let members): .object(members.map { JSONValue.Member($0.name, cut($0.value)) })
        case .null, .bool, .number: value
        }
    }
}
