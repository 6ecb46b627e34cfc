/// What a robots.txt says (RFC 9309), to any crawler.
struct RobotsFile: Sendable {
    /// What lies beyond is ignored. RFC 9309 §2.5 asks for 500 KiB at least.
    static let maxBytes = 512 << 10
    /// The longest delay between two fetches that a site is given: at a day, as some ask, no job would end.
    static let maxCrawlDelay = Duration.seconds(60)
    /// Sitemaps remembered; a site with more has an index of them.
    static let maxSitemaps = 1_000

    /// One or more `user-agent` lines and the rules under them.
    struct Group: Sendable {
        var rules: [Rule] = []
        /// At most ``maxCrawlDelay``; the longest where several are given.
        var crawlDelay: Duration?
    }

    struct Rule: Sendable {
        var allows: Bool
        var pattern: RobotsPattern
    }

    /// The groups of one product token, wherever they stand in the file: one group to its crawler (RFC 9309 §2.2.1).
    struct Rules: Sendable {
        fileprivate(set) var groups: [Group] = []

        var crawlDelay: Duration? { groups.compactMap(\.crawlDelay).max() }

        /// The longest pattern that matches decides; of two as long, the one that allows (RFC 9309 §2.2.2).
        func allows(_ target: RobotsTarget) -> Bool {
            var allowed = -1
            var disallowed = -1
            for group in groups {
                for rule in group.rules {
                    let length = rule.pattern.length
                    guard length > (rule.allows ? allowed : disallowed), rule.pattern.matches(target) else {
                        continue
                    }
                    if rule.allows { allowed = length } else { disallowed = length }
                }
            }
            return disallowed <= allowed
        }
    }

    private let groups: [Group]
    private let tokens: [String: Place]
    /// As written, in the file's order; absolute URLs, if the site does as it should.
    let sitemaps: [String]

    /// Where a token's rules are, and how much there is to look through.
    private struct Place {
        var groups: [Int] = []
        var cost = 0
    }

    /// Bytes of memory, about.
    let footprintBytes: Int

    /// Without rules: everything is allowed.
    static let allowingAll = RobotsFile([])

    /// Never fails: what is not understood is passed over (RFC 9309 §2.2.4).
    init(_ bytes: [UInt8]) {
        var parser = RobotsParser()
        parser.parse(bytes)
        let groups = parser.groups
        let sitemaps = parser.sitemaps
        let footprints = groups.map(Self.footprint)
        var tokens: [String: Place] = [:]
        for (token, indices) in parser.tokens {
            let cost = indices.reduce(0) { $0 + footprints[$1] }
            tokens[token] = Place(groups: indices, cost: cost)
        }
        self.groups = groups
        self.sitemaps = sitemaps
        self.tokens = tokens
        footprintBytes =
            footprints.reduce(0, +) + sitemaps.reduce(0) { $0 + $1.utf8.count + 32 }
            + tokens.reduce(0) { $0 + 128 + $1.value.groups.count * 8 }
    }

    private static func footprint(_ group: Group) -> Int {
        group.rules.reduce(64) { $0 + $1.pattern.length + MemoryLayout<Rule>.size + 32 }
    }

    /// The rules of the crawler's own groups, else those for everybody. `token` nil: the crawler has no name.
    func rules(for token: String?) -> Rules { Rules(groups: place(of: token).groups.map { groups[$0] }) }

    /// How much ``rules(for:)`` gives to look through, in bytes.
    func cost(for token: String?) -> Int { place(of: token).cost }

    private func place(of token: String?) -> Place {
        if let token, let own = tokens[token] { return own }
        return tokens[ProductToken.anybody] ?? Place()
    }

    /// Whether the crawler may fetch the URL's path and query. robots.txt itself may always be.
    func allows(_ text: String, for token: String?) -> Bool {
        text == "/robots.txt" || rules(for: token).allows(RobotsTarget(text))
    }
}
