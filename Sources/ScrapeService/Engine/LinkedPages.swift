/// What the matches of a follow rule lead to: the URLs they are, or what its templates make of them.
struct LinkedPages {
    /// Longer matches are passed over where they fill a template: they are stored with every page they lead to.
    private static let maxFilledBytes = 8_000

    let rule: FollowRule
    let urls: any URLParsing

    /// In the order of the matches; what is no http or https URL is left out.
    func pages(_ matches: [String], base: String) -> [DiscoveredPage] {
        let isFilled = rule.url != nil || rule.request != nil
        let matches = isFilled ? matches.filter { $0.utf8.count <= Self.maxFilledBytes } : matches
        let references = rule.url.map { url in
            matches.map { url.text(with: [FollowRule.placeholder: $0]) }
        }
        return zip(matches, urls.resolve(references ?? matches, against: base)).compactMap { match, url in
            guard let url else { return nil }
            let request = rule.request?.request(with: [FollowRule.placeholder: match])
            return DiscoveredPage(kind: rule.kind, url: url, request: request)
        }
    }
}
