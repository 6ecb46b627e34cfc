import Foundation

/// A page a job has found and will fetch once: a start page, or a link of the page that is being settled.
/// A URL is fetched once a job, kind and request.
struct DiscoveredPage: Hashable, Sendable {
    var kind: String
    var url: WebURL
    /// Nil: a plain GET.
    var request: PageRequest?
}

extension DiscoveredPage {
    /// What it takes in the queue, about.
    var storedBytes: Int {
        let fields = request?.headers.reduce(0) { $0 + $1.name.utf8.count + $1.value.utf8.count } ?? 0
        return url.text.utf8.count + fields + (request?.body?.utf8.count ?? 0)
    }
}

/// How a page is asked for, where that is not a plain GET.
struct PageRequest: Hashable, Sendable, Codable {
    /// RFC 9110 §9.
    var method: String
    /// Besides those that all pages of the job are asked with; these win.
    var headers: [HeaderField] = []
    var body: String?
}

/// A page of the frontier: its row exists exactly as long as the page is not settled.
struct QueuedPage: Hashable, Sendable {
    /// Grows in the order of discovery within a shard.
    var id: Int64
    var kind: String
    var url: WebURL
    /// Links followed from a start page.
    var depth: Int
    /// Failed attempts so far.
    var attempt: Int
    /// Nil: a plain GET.
    var request: PageRequest?
    /// Of a job with `fetch.conditional`: what an earlier job was told of the page.
    var validators: PageValidators?
    /// What the links remembered with them take in the store, bytes.
    var rememberedBytes = 0
}

/// What an answer says of the state a page is in (RFC 9110 §8.8), as it was written; one of them at least.
struct PageValidators: Hashable, Sendable {
    /// Weak or strong, with its quotes.
    var etag: String?
    var lastModified: String?

    /// Of one validator: both go out with every later request for the page, and servers take 8 KiB of fields or so.
    static let maxBytes = 1024

    /// Those that can be sent as header field values (RFC 9110 §5.5); nil: none can.
    var sendable: PageValidators? {
        let validators = PageValidators(
            etag: etag.flatMap(Self.sendable), lastModified: lastModified.flatMap(Self.sendable))
        return validators.etag == nil && validators.lastModified == nil ? nil : validators
    }

    private static func sendable(_ value: String) -> String? {
        let isSendable =
            !value.isEmpty && value.utf8.count <= maxBytes
            && value.utf8.allSatisfy { $0 >= 0x20 && $0 != 0x7f || $0 == 0x09 }
        return isSendable ? value : nil
    }
}

/// What a page that was fetched gave.
struct PageYield: Sendable {
    /// It is as an earlier job has found it: no items, and the links it led to then.
    var isNotModified = false
    /// And these are in ``links`` now.
    var isRecalled = false
    /// To be remembered for later jobs.
    var validators: PageValidators?
    var items: [ItemData] = []
    /// Already resolved and canonical, each once.
    var links: [DiscoveredPage] = []
    /// As in ``Extraction/encoding``.
    var encoding: String?
    var file: SavedFile?
    /// What its items lack; nil: there is nothing to say.
    var fields: FieldReport?
}

extension PageYield {
    /// Keeps the first items, and what is said of them. The page is not remembered then: a later job that is told
    /// it has not changed would never get the others.
    mutating func cut(to count: Int) {
        guard items.count > count else { return }
        validators = nil
        items.removeLast(items.count - count)
        guard var report = fields else { return }
        report.unfilled = Array(report.unfilled.prefix(count))
        fields = report
    }
}

/// What one attempt at a page came to. A batch of these is one transaction.
struct PageSettlement: Sendable {
    enum Result: Sendable {
        case fetched(PageYield)
        case failed(FailureCode)
        case skipped(SkipReason)
        /// Stays in the frontier with one attempt more, not before `after` from now.
        case retry(FailureCode, after: Duration)
    }

    var page: QueuedPage
    var result: Result
    var httpStatus: Int?
    /// Body bytes after decompression.
    var bytes = 0
    var seconds = 0.0
    /// What happened, for a person; names no address and no path of this machine. Not of a page that was fetched.
    var detail: String?
}

/// One item's fields as the text of a JSON object, keys in the job's order, free of NUL.
struct ItemData: Hashable, Sendable {
    var json: String
}

/// Why a page failed for good (contract: codes of the ledger).
enum FailureCode: Hashable, Sendable {
    case http(Int)
    case dnsFailed, connectFailed, tlsFailed, timeout, connectionLost, tooLarge, tooManyRedirects
    case urlBlocked, notText, notJSON, notSitemap, internalError

    var text: String {
        switch self {
        case .http(let status): "http_\(status)"
        case .dnsFailed: "dns_failed"
        case .connectFailed: "connect_failed"
        case .tlsFailed: "tls_failed"
        case .timeout: "timeout"
        case .connectionLost: "connection_lost"
        case .tooLarge: "too_large"
        case .tooManyRedirects: "too_many_redirects"
        case .urlBlocked: "url_blocked"
        case .notText: "not_text"
        case .notJSON: "not_json"
        case .notSitemap: "not_sitemap"
        case .internalError: "internal_error"
        }
    }

    /// Worth another attempt: network errors, 408, 429 and 5xx (contract: `fetch.retries`).
    var isTransient: Bool {
        switch self {
        case .http(let status): status == 408 || status == 429 || (500...599).contains(status)
        case .dnsFailed, .connectFailed, .tlsFailed, .timeout, .connectionLost: true
        case .tooLarge, .tooManyRedirects, .urlBlocked, .notText, .notJSON, .notSitemap,
            .internalError:
            false
        }
    }
}

/// Why a page was never fetched.
enum SkipReason: String, Sendable {
    case robots
    case maxPages = "max_pages"
    case maxItems = "max_items"
    case maxDepth = "max_depth"
    case maxDuration = "max_duration"
    case firstFailure = "first_failure"
    case cancelled
    /// The job ended as failed for a reason of the service's own.
    case internalError = "internal_error"
}

enum PageStatus: String, Sendable, CaseIterable {
    case queued, fetched, failed, skipped
}

/// One row of the ledger: what became of one URL.
struct LedgerEntry: Sendable {
    var url: String
    var kind: String
    var status: PageStatus
    var attempts: Int
    var httpStatus: Int?
    /// A ``FailureCode`` or ``SkipReason``.
    var error: String?
    var bytes: Int?
    var seconds: Double?
    var fetchedAt: Date?
    /// As in ``Extraction/encoding``.
    var encoding: String?
    /// What happened to a page that failed, for a person.
    var detail: String?
}
