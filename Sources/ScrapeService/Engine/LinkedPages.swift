/// What the matches of a follow rule lead to: the URLs they are, or what its templates make of them.
struct LinkedPages {
    /// Longer matches are passed over where they fill a template: they are stored with every page they lead to.
    private static let maxFilledBytes = 8_000

    let rule: FollowRule
    let urls: any URLParsing

    /// In the order of the matches; what is no http or https URL is left out. Throws ``ExtractionError/tooLarge(_:)``.
    func pages(
        _ matches: [String], base: String, within budget: inout LinkBudget
    ) throws(ExtractionError) -> [DiscoveredPage] {
        let isFilled = rule.url != nil || rule.request != nil
        let matches = isFilled ? matches.filter { $0.utf8.count <= Self.maxFilledBytes } : matches
        let references = try references(matches, &budget)
        var pages: [DiscoveredPage] = []
        try urls.resolve(references, against: base) { position, url throws(ExtractionError) in
            guard let url else { return }
            let page = DiscoveredPage(
                kind: rule.kind, url: url, request: try request(matches[position], budget))
            try budget.spend(page.storedBytes)
            pages.append(page)
        }
        return pages
    }

    /// What is filled in counts itself, for it may come to nothing.
    private func references(
        _ matches: [String], _ budget: inout LinkBudget
    ) throws(ExtractionError) -> [String] {
        guard let url = rule.url else { return matches }
        var references: [String] = []
        for match in matches {
            let values = [FollowRule.placeholder: match]
            try budget.check(url.bytes(with: values))
            let reference = url.text(with: values)
            try budget.spend(reference.utf8.count)
            references.append(reference)
        }
        return references
    }

    private func request(_ match: String, _ budget: LinkBudget) throws(ExtractionError) -> PageRequest? {
        guard let template = rule.request else { return nil }
        let values = [FollowRule.placeholder: match]
        try budget.check(template.bytes(with: values))
        return template.request(with: values)
    }
}
