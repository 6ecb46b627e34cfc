/// The page kinds that a job's sitemaps are, besides those it defines: `sitemap`, `sitemap 2`, …
final class SitemapKinds {
    /// What makes two sitemaps of one kind.
    private struct Pages: Hashable {
        var kind: String
        var allow: String?
        var deny: String?
    }

    private let defined: Set<String>
    private(set) var kinds: [PageKind] = []
    private var names: [Pages: String] = [:]
    private var number = 1

    init(besides defined: [PageKind]) { self.defined = Set(defined.map(\.name)) }

    /// The kind of sitemaps whose pages are of `pageKind`, as far as the expressions let them. Nil: with it the job
    /// would have more than ``JobReader/maxPageKinds`` kinds.
    func name(of pageKind: String, allow: String?, deny: String?) -> String? {
        let pages = Pages(kind: pageKind, allow: allow, deny: deny)
        if let known = names[pages] { return known }
        guard defined.count + kinds.count < JobReader.maxPageKinds else { return nil }
        let name = nextName()
        names[pages] = name
        kinds.append(
            PageKind(
                name: name,
                follow: [
                    FollowRule(
                        links: Selector(language: .xpath, source: "/urlset/url/loc"), kind: pageKind,
                        allow: allow, deny: deny),
                    FollowRule(
                        links: Selector(language: .xpath, source: "/sitemapindex/sitemap/loc"), kind: name),
                ],
                isSitemap: true))
        return name
    }

    private func nextName() -> String {
        while true {
            let name = number == 1 ? "sitemap" : "sitemap \(number)"
            number += 1
            if !defined.contains(name) { return name }
        }
    }
}

extension StartReader {
    /// The rest of a start that is a sitemap: which pages are taken from it. `pageKind`: their kind, if it is known.
    func readSitemap(_ object: inout ObjectReader, of pageKind: String?) -> String? {
        let allow = object.pattern("allow")
        let deny = object.pattern("deny")
        guard let pageKind else { return nil }
        if let name = sitemaps.name(of: pageKind, allow: allow, deny: deny) { return name }
        let most = JobReader.maxPageKinds
        findings.add(
            object.pointer,
            "is one page kind too many: sitemaps that differ in as, allow or deny count, at most \(most) in all"
        )
        return nil
    }
}

extension JobReader {
    private static let conditions: Set<String> = [
        "if-match", "if-modified-since", "if-none-match", "if-range", "if-unmodified-since", "range",
    ]

    /// A job that asks for what has changed says so in one way.
    func refuseConditions(_ headers: [HeaderField], _ findings: Findings) {
        for field in headers where Self.conditions.contains(field.name.lowercased()) {
            let place = "/fetch/headers/" + JSONPointer.escape(field.name)
            findings.add(place, "is set by the service where fetch.conditional is true")
        }
    }
}
