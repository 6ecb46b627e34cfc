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
            items: extraction.items.map(encode),
            links: links(of: extraction, finalURL: response.finalURL))
    }

    private func encode(_ values: [FieldValue?]) -> ItemData {
        var writer = JSONWriter()
        writer.object { object in
            for (field, value) in zip(kind.fields, values) {
                object.key(field.name)
                switch value {
                case nil: object.null()
                case .text(let text): object.string(Self.clean(text))
                case .texts(let texts):
                    object.array { list in for text in texts { list.string(Self.clean(text)) } }
                }
            }
        }
        return ItemData(json: String(decoding: writer.bytes, as: UTF8.self))
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
