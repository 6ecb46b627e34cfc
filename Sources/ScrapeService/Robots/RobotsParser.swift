/// Reads robots.txt line by line (RFC 9309 §2.2), as forgiving as the files are careless.
struct RobotsParser {
    private(set) var groups: [RobotsFile.Group] = []
    /// Product token to its groups, each once.
    private(set) var tokens: [String: [Int]] = [:]
    private(set) var sitemaps: [String] = []
    /// The group that lines belong to; nil before the first `user-agent` line.
    private var current: Int?
    /// A rule came after the last `user-agent` line: the next one begins another group.
    private var hasRules = false

    private enum Key {
        case userAgent, allow, disallow, crawlDelay, sitemap
    }

    /// Names in lower case. The misspelt ones are common, and what they mean is plain.
    private static let keys: [String: Key] = [
        "user-agent": .userAgent, "useragent": .userAgent, "user agent": .userAgent,
        "allow": .allow,
        "disallow": .disallow, "dissallow": .disallow, "dissalow": .disallow, "disalow": .disallow,
        "diasllow": .disallow, "disallaw": .disallow,
        "crawl-delay": .crawlDelay, "crawldelay": .crawlDelay,
        "sitemap": .sitemap, "site-map": .sitemap,
    ]
    private static let maxKeyBytes = 11

    mutating func parse(_ bytes: [UInt8]) {
        var rest = Self.withinLimit(bytes)
        // A byte order mark, also one that was cut short.
        for mark: UInt8 in [0xEF, 0xBB, 0xBF] where rest.first == mark { rest.removeFirst() }
        while !rest.isEmpty {
            let end = rest.firstIndex { $0 == 0x0A || $0 == 0x0D } ?? rest.endIndex
            read(rest[rest.startIndex..<end])
            // A CR and its LF enclose an empty line, which says nothing.
            rest = rest[min(end + 1, rest.endIndex)...]
        }
    }

    /// Whole lines only: half a path would be another rule.
    private static func withinLimit(_ bytes: [UInt8]) -> ArraySlice<UInt8> {
        guard bytes.count > RobotsFile.maxBytes else { return bytes[...] }
        let next = bytes[RobotsFile.maxBytes]
        let kept = bytes.prefix(RobotsFile.maxBytes)
        if next == 0x0A || next == 0x0D { return kept }
        guard let end = kept.lastIndex(where: { $0 == 0x0A || $0 == 0x0D }) else { return [] }
        return kept[...end]
    }

    private mutating func read(_ line: ArraySlice<UInt8>) {
        let said = Self.trim(line.prefix { $0 != UInt8(ascii: "#") })
        guard let (key, value) = Self.split(said) else { return }
        switch key {
        case .userAgent: beginGroup(value)
        case .allow: add(value, allows: true)
        case .disallow: add(value, allows: false)
        case .crawlDelay:
            guard let current, let delay = Self.delay(value) else { return }
            groups[current].crawlDelay = max(groups[current].crawlDelay ?? .zero, delay)
        case .sitemap:
            guard !value.isEmpty, sitemaps.count < RobotsFile.maxSitemaps else { return }
            sitemaps.append(String(decoding: value, as: UTF8.self))
        }
    }

    private mutating func beginGroup(_ value: ArraySlice<UInt8>) {
        if current == nil || hasRules {
            groups.append(RobotsFile.Group())
            current = groups.count - 1
            hasRules = false
        }
        guard let current, let token = ProductToken.ofLine(value), tokens[token]?.last != current else {
            return
        }
        tokens[token, default: []].append(current)
    }

    /// An empty path is no rule (RFC 9309 §2.2.2), but ends the list of agents as one.
    private mutating func add(_ value: ArraySlice<UInt8>, allows: Bool) {
        guard let current else { return }
        hasRules = true
        guard let pattern = RobotsPattern(value) else { return }
        groups[current].rules.append(RobotsFile.Rule(allows: allows, pattern: pattern))
    }

    // MARK: Lines

    /// Name and value, at the first colon; without one at the only white space, for those who forgot it.
    private static func split(_ line: ArraySlice<UInt8>) -> (Key, ArraySlice<UInt8>)? {
        if let colon = line.firstIndex(of: UInt8(ascii: ":")) {
            guard let key = key(line[..<colon]) else { return nil }
            return (key, trim(line[(colon + 1)...]))
        }
        guard let space = line.firstIndex(where: isSpace), let key = key(line[..<space]) else { return nil }
        let value = trim(line[space...])
        return value.contains(where: isSpace) ? nil : (key, value)
    }

    private static func key(_ name: ArraySlice<UInt8>) -> Key? {
        let name = trim(name)
        guard name.count <= maxKeyBytes else { return nil }
        let lower = name.map { (0x41...0x5A).contains($0) ? $0 | 0x20 : $0 }
        return keys[String(decoding: lower, as: UTF8.self)]
    }

    private static func trim(_ bytes: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
        guard let last = bytes.lastIndex(where: { !isSpace($0) }) else { return [] }
        return bytes[...last].drop(while: isSpace)
    }

    private static func isSpace(_ byte: UInt8) -> Bool {
        byte == 0x20 || byte == 0x09 || byte == 0x0B || byte == 0x0C
    }

    /// Seconds, whole or with a fraction; nil for anything else, and for none. Never more than is obeyed.
    private static func delay(_ value: ArraySlice<UInt8>) -> Duration? {
        let isNumber = value.allSatisfy { (0x30...0x39).contains($0) || $0 == UInt8(ascii: ".") }
        guard isNumber, let seconds = Double(String(decoding: value, as: UTF8.self)), seconds > 0 else {
            return nil
        }
        return seconds < RobotsFile.maxCrawlDelay / .seconds(1) ? .seconds(seconds) : RobotsFile.maxCrawlDelay
    }
}
