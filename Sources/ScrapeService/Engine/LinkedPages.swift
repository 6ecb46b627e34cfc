/// What the matches of a follow rule lead to: the URLs they are, or what its templates make of them.
struct LinkedPages {
    /// Longer matches are passed over where they fill a template: they are stored with every page they lead to.
    private static let maxFilledBytes = 8_000

    /// Of all requests that one page's links are filled into: each is stored.
    private static let maxRequestBytes = 32 << 20

    let rule: FollowRule
    let urls: any URLParsing

    /// In the order of the matches; what is no http or https URL is left out. Throws ``ExtractionError/tooLarge(_:)``.
    func pages(_ matches: [String], base: String) throws(ExtractionError) -> [DiscoveredPage] {
        let isFilled = rule.url != nil || rule.request != nil
        let matches = isFilled ? matches.filter { $0.utf8.count <= Self.maxFilledBytes } : matches
        let references = rule.url.map { url in
            matches.map { url.text(with: [FollowRule.placeholder: $0]) }
        }
        var pages: [DiscoveredPage] = []
        var bytes = 0
        for (match, url) in zip(matches, urls.resolve(references ?? matches, against: base)) {
            guard let url else { continue }
            let request = rule.request?.request(with: [FollowRule.placeholder: match])
            let page = DiscoveredPage(kind: rule.kind, url: url, request: request)
            if request != nil { bytes += page.storedBytes }
            if bytes > Self.maxRequestBytes {
                throw ExtractionError.tooLarge("the requests of its links have too many bytes together")
            }
            pages.append(page)
        }
        return pages
    }
}
