/// One request, redirects included.
struct FetchRequest: Sendable {
    var url: WebURL
    /// RFC 9110 §9.3. Nil: a POST where there is a body, else a GET.
    var method: String?
    var body: [UInt8]?
    /// Of the whole: names, redirects and bodies.
    var timeout: Duration
    /// Of each connection, with the look-up of its name.
    var connectTimeout: Duration
    /// 0: a redirect is the answer.
    var maxRedirects: Int
    /// Counted after decompression, while the body streams in.
    var maxBodyBytes: Int
    /// A longer body is cut at ``maxBodyBytes`` instead of failing the fetch (robots.txt: RFC 9309 §2.5).
    var cutsBody = false
    var userAgent: String
    var headers: [HeaderField] = []
    /// Fills ``FetchResponse/fields``: looking fields up costs time that most fetches need not spend.
    var wantsFields = false
    /// The body of a 2xx answer goes there as it arrives, and ``maxBodyBytes`` counts for other answers only.
    var streaming: BodyStreaming?
}

/// How a body is handed over piece by piece instead of being collected.
struct BodyStreaming: Sendable {
    var sink: any BodySink
    /// A server that sends nothing for so long, while it could, is given up as ``FailureCode/timeout``.
    var stallTimeout: Duration
}

/// Takes the body of one answer as it arrives. While it suspends, the transfer is paused: what has come and was not
/// taken stays below 1 MiB. An error of the sink ends the transfer and is thrown by ``PageFetcher/fetch(_:)`` as it is.
protocol BodySink: Sendable {
    /// The head of a 2xx answer, after redirects, before its first byte; ``FetchResponse/body`` is empty yet,
    /// ``FetchResponse/fields`` is there.
    func begin(_ head: FetchResponse) async throws
    /// The next bytes, after decompression; never none.
    func write(_ bytes: [UInt8]) async throws
}

/// Header fields of an answer that most fetches do not look at, whole, as they came (RFC 9110); nil where missing.
///
/// A class, so that a response without them costs a pointer.
final class AnswerFields: Sendable {
    let etag, lastModified, contentDisposition, contentEncoding, contentRange, date: String?
    /// Of the message body, coded as it is; nil also where the field is no number.
    let contentLength: Int64?

    init(
        etag: String? = nil, lastModified: String? = nil, contentDisposition: String? = nil,
        contentEncoding: String? = nil, contentRange: String? = nil, date: String? = nil,
        contentLength: Int64? = nil
    ) {
        self.etag = etag
        self.lastModified = lastModified
        self.contentDisposition = contentDisposition
        self.contentEncoding = contentEncoding
        self.contentRange = contentRange
        self.date = date
        self.contentLength = contentLength
    }
}

/// What a server answered, whatever its status.
struct FetchResponse: Sendable {
    var status: Int
    /// After redirects: what links resolve against.
    var finalURL: String
    /// The `Content-Type` field, whole.
    var contentType: String?
    /// The `Retry-After` field, whole (RFC 9110 §10.2.3).
    var retryAfter: String?
    var body: [UInt8]
    /// From the request to the end of the last answer.
    var seconds: Double
    /// Nil unless ``FetchRequest/wantsFields`` or ``FetchRequest/streaming`` was set.
    var fields: AnswerFields?
    /// Bytes that went to a ``BodySink`` instead of ``body``.
    var streamedBytes = 0

    var etag: String? { fields?.etag }
    var lastModified: String? { fields?.lastModified }
}

/// A fetch without an answer.
struct FetchFailure: Error, Sendable {
    var code: FailureCode
    /// For the ledger: names no address.
    var detail: String
    var seconds: Double
    /// The time ran out before a connection stood: the host is dead, not slow.
    var timedOutConnecting = false
    /// A server answered with a redirect, and what it led to failed.
    var wasRedirected = false
}

/// Fetches pages; as many at once as the caller asks. Cancelling the task ends the transfer.
protocol PageFetcher: Sendable {
    /// Throws ``FetchFailure``, `CancellationError` or what a ``BodySink`` threw.
    func fetch(_ request: FetchRequest) async throws -> FetchResponse
}
