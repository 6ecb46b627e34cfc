/// What a client asked for, validated: the domain's form of `POST /v1/jobs`.
///
/// Codable for storage only; the contract's JSON is read and written in `API`.
struct JobSpec: Hashable, Sendable, Codable {
    var name: String?
    var start: [StartEntry]
    /// In the job's order; names are unique.
    var pages: [PageKind]
    var fetch = FetchPolicy()
    var politeness = Politeness()
    var limits = JobLimits()
    var onFailure = FailurePolicy.continue
    var webhook: Webhook?

    func page(named name: String) -> PageKind? { pages.first { $0.name == name } }

    /// Every field name of every page kind, in the job's order, each once: the columns of a CSV.
    var fieldNames: [String] {
        var seen: Set<String> = []
        return pages.flatMap(\.fields).map(\.name).filter { seen.insert($0).inserted }
    }
}

/// A URL template and the values of its variables; without variables, one URL.
struct StartEntry: Hashable, Sendable, Codable {
    var template: URLTemplate
    /// The page kind of what it fetches.
    var kind: String
    /// Nil: plain GETs.
    var request: RequestTemplate?
    /// Variables that ``request`` names and the URL does not.
    var requestVariables: [URLTemplate.Variable] = []
}

extension StartEntry {
    init(from decoder: any Decoder) throws {
        let stored = try decoder.container(keyedBy: CodingKeys.self)
        self.init(
            template: try stored.decode(URLTemplate.self, forKey: .template),
            kind: try stored.decode(String.self, forKey: .kind))
        request = try stored.decodeIfPresent(RequestTemplate.self, forKey: .request)
        requestVariables =
            try stored.decodeIfPresent([URLTemplate.Variable].self, forKey: .requestVariables) ?? []
    }
}

/// A kind of page: which links it follows and which items it yields.
struct PageKind: Hashable, Sendable, Codable {
    var name: String
    var follow: [FollowRule] = []
    /// One item a match; without it the page is one item.
    var each: Selector?
    /// In the job's order; a kind without fields yields no items.
    var fields: [Field] = []
    /// Keeps the body as a file.
    var save = false
    /// Not written by the client but made of a start's `sitemap`: the body is a sitemap, whose pages ``follow``'s
    /// first rule is for, and whose further sitemaps the second.
    var isSitemap = false
}

extension PageKind {
    init(from decoder: any Decoder) throws {
        let stored = try decoder.container(keyedBy: CodingKeys.self)
        self.init(name: try stored.decode(String.self, forKey: .name))
        follow = try stored.decode([FollowRule].self, forKey: .follow)
        each = try stored.decodeIfPresent(Selector.self, forKey: .each)
        fields = try stored.decode([Field].self, forKey: .fields)
        save = try stored.decodeIfPresent(Bool.self, forKey: .save) ?? save
        isSitemap = try stored.decodeIfPresent(Bool.self, forKey: .isSitemap) ?? isSitemap
    }
}

struct FollowRule: Hashable, Sendable, Codable {
    var links: Selector
    /// The page kind the links lead to.
    var kind: String
    var sameHost = false
    /// Regular expressions found anywhere in a link's canonical URL: where there is one to allow, only what it finds
    /// is followed; what the other finds is not.
    var allow: String?
    var deny: String?
    /// What a match leads to, where that is not the URL it has itself.
    var url: TextTemplate?
    /// Nil: a plain GET.
    var request: RequestTemplate?
}

struct Field: Hashable, Sendable, Codable {
    var name: String
    var selector: Selector
    /// Every match as an array, instead of the first.
    var all = false
    /// Keeps Unicode white space at both ends of the text.
    var keepWhitespace = false
    /// A regular expression: its first capture group (the whole, where it has none) is taken instead of the text.
    var match: String?
    var type = FieldType.text
    /// An item without it makes the job's outcome `partial`.
    var required = false
}

extension Field {
    init(from decoder: any Decoder) throws {
        let stored = try decoder.container(keyedBy: CodingKeys.self)
        self.init(
            name: try stored.decode(String.self, forKey: .name),
            selector: try stored.decode(Selector.self, forKey: .selector))
        all = try stored.decode(Bool.self, forKey: .all)
        keepWhitespace = try stored.decode(Bool.self, forKey: .keepWhitespace)
        match = try stored.decodeIfPresent(String.self, forKey: .match)
        type = try stored.decodeIfPresent(FieldType.self, forKey: .type) ?? type
        required = try stored.decodeIfPresent(Bool.self, forKey: .required) ?? required
    }
}

extension Field {
    /// Text for people to read: what words are counted of.
    var isText: Bool { type == .text || (type == .json && selector.language == .json) }
}

/// What a field's text is read as.
enum FieldType: String, Sendable, Codable, CaseIterable {
    case text, number, integer, boolean, url, json
}

/// A selector as the client wrote it; `Extraction` compiles it.
struct Selector: Hashable, Sendable, Codable {
    enum Language: String, Sendable, Codable, CaseIterable {
        case css, xpath, json
    }

    var language: Language
    var source: String
}

/// How a job fetches. Defaults are the contract's.
struct FetchPolicy: Hashable, Sendable, Codable {
    static let concurrencyRange = 1...1000
    static let maxRetries = 20
    static let maxRedirects = 50
    static let maxTimeoutSeconds = 3600.0
    /// An hour: a file of a GiB at 2.4 Mbit/s.
    static let defaultFileTimeoutSeconds = 3600.0
    /// A day: a file of the largest size (64 GiB) at 6.4 Mbit/s.
    static let maxFileTimeoutSeconds = 86_400.0

    /// The job's semaphore: fetches in flight at once.
    var concurrency = 64
    var timeoutSeconds = 30.0
    var connectTimeoutSeconds = 10.0
    /// Further attempts after a network error, 408, 429 or 5xx.
    var retries = 2
    var redirects = 10
    /// Nil: the service's own.
    var userAgent: String?
    var headers: [HeaderField] = []
    /// Of an attempt at a page that is saved as a file, whatever requests it takes; nil:
    /// ``defaultFileTimeoutSeconds``. ``timeoutSeconds`` is how long its server may send nothing.
    var fileTimeoutSeconds: Double?
    /// Asks only for what has changed since an earlier job of the same owner (RFC 9110 §13).
    var conditional = false
}

extension FetchPolicy {
    init(from decoder: any Decoder) throws {
        let stored = try decoder.container(keyedBy: CodingKeys.self)
        self.init()
        concurrency = try stored.decode(Int.self, forKey: .concurrency)
        timeoutSeconds = try stored.decode(Double.self, forKey: .timeoutSeconds)
        connectTimeoutSeconds = try stored.decode(Double.self, forKey: .connectTimeoutSeconds)
        retries = try stored.decode(Int.self, forKey: .retries)
        redirects = try stored.decode(Int.self, forKey: .redirects)
        userAgent = try stored.decodeIfPresent(String.self, forKey: .userAgent)
        headers = try stored.decode([HeaderField].self, forKey: .headers)
        fileTimeoutSeconds = try stored.decodeIfPresent(Double.self, forKey: .fileTimeoutSeconds)
        conditional = try stored.decodeIfPresent(Bool.self, forKey: .conditional) ?? conditional
    }
}

struct HeaderField: Hashable, Sendable, Codable {
    /// Fields that say what is asked for, by what and how, and nothing that one server only may know: what a browser
    /// sends to every server. Any other may be a key, whatever its name. In lower case.
    private static let openNames: Set<String> = [
        "accept", "accept-charset", "accept-encoding", "accept-language", "cache-control", "content-encoding",
        "content-language", "content-type", "dnt", "from", "if-match", "if-modified-since", "if-none-match",
        "if-range", "if-unmodified-since", "pragma", "priority", "range", "referer", "save-data", "sec-ch-ua",
        "sec-ch-ua-mobile", "sec-ch-ua-platform", "sec-fetch-dest", "sec-fetch-mode", "sec-fetch-site",
        "sec-fetch-user", "sec-gpc", "te", "upgrade-insecure-requests", "user-agent", "x-requested-with",
    ]

    var name: String
    var value: String

    /// Meant for one origin only: no other is told.
    var isSecret: Bool { !Self.openNames.contains(name.lowercased()) }
}

struct Politeness: Hashable, Sendable, Codable {
    /// One request in 100 seconds: a job must end.
    static let minRequestsPerSecond = 0.01
    static let maxRequestsPerSecond = 10_000.0

    /// Obeys robots.txt (RFC 9309).
    var robots = true
    /// Fetches in flight to one origin, over all jobs and replicas: the most careful job counts.
    var perHostConcurrency = 8
    /// Requests to one origin, over all jobs and replicas; nil: as many as there are.
    var perHostRequestsPerSecond: Double?

    /// Between two requests to one origin.
    var interval: Duration { perHostRequestsPerSecond.map { .seconds(1 / $0) } ?? .zero }
}

extension Politeness {
    /// What a job that was stored by an earlier version does not say has its default.
    init(from decoder: any Decoder) throws {
        let stored = try decoder.container(keyedBy: CodingKeys.self)
        self.init()
        robots = try stored.decodeIfPresent(Bool.self, forKey: .robots) ?? robots
        perHostConcurrency =
            try stored.decodeIfPresent(Int.self, forKey: .perHostConcurrency) ?? perHostConcurrency
        perHostRequestsPerSecond = try stored.decodeIfPresent(Double.self, forKey: .perHostRequestsPerSecond)
    }
}

/// Where a job ends at the latest. Nil: no such limit.
struct JobLimits: Hashable, Sendable, Codable {
    static let defaultMaxPageBytes = 10 * 1024 * 1024
    static let defaultMaxFileBytes = 1 << 30
    /// Of a sitemap, as it comes and unpacked: the protocol's limit (sitemaps.org), in place of ``maxPageBytes``.
    static let maxSitemapBytes = 50 << 20

    /// Pages attempted (fetched or failed); exact.
    var maxPages: Int?
    /// Items committed; exact.
    var maxItems: Int?
    /// Since the job started, by the database's clock.
    var maxDurationSeconds: Double?
    /// Links followed from a start page (which has depth 0).
    var maxDepth: Int?
    /// A longer page fails with `too_large`; counted after decompression.
    var maxPageBytes = Self.defaultMaxPageBytes
    /// A longer body of a page that is saved fails with `too_large`; counted after decompression.
    var maxFileBytes = Self.defaultMaxFileBytes
}

extension JobLimits {
    init(from decoder: any Decoder) throws {
        let stored = try decoder.container(keyedBy: CodingKeys.self)
        self.init()
        maxPages = try stored.decodeIfPresent(Int.self, forKey: .maxPages)
        maxItems = try stored.decodeIfPresent(Int.self, forKey: .maxItems)
        maxDurationSeconds = try stored.decodeIfPresent(Double.self, forKey: .maxDurationSeconds)
        maxDepth = try stored.decodeIfPresent(Int.self, forKey: .maxDepth)
        maxPageBytes = try stored.decode(Int.self, forKey: .maxPageBytes)
        maxFileBytes = try stored.decodeIfPresent(Int.self, forKey: .maxFileBytes) ?? maxFileBytes
    }
}

enum FailurePolicy: String, Sendable, Codable {
    case `continue`
    /// The first page that fails for good ends the job as failed.
    case stop
}

extension PageKind {
    /// In the order they stand in a job.
    var selectors: [Selector] { follow.map(\.links) + [each].compactMap(\.self) + fields.map(\.selector) }

    /// Its selectors are JSONPath; kinds that mix it with others are refused.
    var isJSON: Bool { selectors.first?.language == .json }
}
