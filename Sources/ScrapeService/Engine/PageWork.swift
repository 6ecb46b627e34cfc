import Foundation

/// From an answer to a settlement's result: extraction, links made absolute, items as JSON. Runs on a worker.
struct PageWork: Sendable {
    let kind: PageKind
    let plan: any PagePlan
    let urls: any URLParsing

    func read(_ response: FetchResponse) throws -> PageSettlement.Result {
        let document = PageDocument(body: response.body, contentType: response.contentType)
        let extraction = try plan.extract(document)
        return .fetched(
            PageYield(
                items: extraction.items.map(encode),
                links: links(of: extraction, finalURL: response.finalURL)))
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

    /// Each link once, in the order of the page.
    private func links(of extraction: Extraction, finalURL: String) -> [DiscoveredPage] {
        var base = finalURL
        if let written = extraction.base, let resolved = urls.resolve([written], against: finalURL)[0] {
            base = resolved.text
        }
        let own = urls.parse(finalURL)?.origin
        var seen: Set<DiscoveredPage> = []
        var links: [DiscoveredPage] = []
        for (rule, references) in zip(kind.follow, extraction.links) {
            for case let url? in urls.resolve(references, against: base) {
                if rule.sameHost, url.origin != own { continue }
                let page = DiscoveredPage(kind: rule.kind, url: url)
                if seen.insert(page).inserted { links.append(page) }
            }
        }
        return links
    }
}
