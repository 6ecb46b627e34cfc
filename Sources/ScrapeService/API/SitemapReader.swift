/// The page kinds that a job's sitemaps are, besides those it defines: `sitemap`, `sitemap 2`, …
final class SitemapKinds {
    private let names: Set<String>
    private(set) var kinds: [PageKind] = []

    init(besides defined: [PageKind]) { names = Set(defined.map(\.name)) }

    /// The kind of sitemaps whose pages are of `pageKind`, as far as the expressions let them.
    func name(of pageKind: String, allow: String?, deny: String?) -> String {
        let known = kinds.first { kind in
            let pages = kind.follow[0]
            return pages.kind == pageKind && pages.allow == allow && pages.deny == deny
        }
        if let known { return known.name }
        let taken = names.union(kinds.map(\.name))
        var (name, number) = ("sitemap", 2)
        while taken.contains(name) { (name, number) = ("sitemap \(number)", number + 1) }
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
}

extension StartReader {
    /// The rest of a start that is a sitemap: which pages are taken from it. `pageKind`: their kind, if it is known.
    func readSitemap(_ object: inout ObjectReader, of pageKind: String?) -> String? {
        let allow = object.pattern("allow")
        let deny = object.pattern("deny")
        return pageKind.map { sitemaps.name(of: $0, allow: allow, deny: deny) }
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
