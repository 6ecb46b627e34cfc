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
    /// Throws ``FetchFailure`` or `CancellationError`.
    func fetch(_ request: FetchRequest) async throws -> FetchResponse
}
