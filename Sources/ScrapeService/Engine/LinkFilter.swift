/// Which of the links that a follow rule finds are followed. Compiled once a job.
struct LinkFilter: Sendable {
    private let sameHost: Bool
    private let allow: Pattern?
    private let deny: Pattern?

    var hasPatterns: Bool { allow != nil || deny != nil }

    /// Throws ``PatternError``.
    init(_ rule: FollowRule) throws(PatternError) {
        sameHost = rule.sameHost
        allow = try Self.compile(rule.allow)
        deny = try Self.compile(rule.deny)
    }

    private static func compile(_ source: String?) throws(PatternError) -> Pattern? {
        guard let source else { return nil }
        return try Pattern(source)
    }

    /// `host`: that of the page with the link, after redirects. Whether the canonical URL is followed; throws where
    /// an expression runs away on it, and then it is not. `patternSteps`: what is left for all links of the page.
    func follows(
        _ url: WebURL, from host: String?, within patternSteps: inout Int
    ) throws(PatternExhausted) -> Bool {
        if sameHost, url.host != host { return false }
        if let deny, try deny.matches(url.text, within: &patternSteps) { return false }
        guard let allow else { return true }
        return try allow.matches(url.text, within: &patternSteps)
    }
}
