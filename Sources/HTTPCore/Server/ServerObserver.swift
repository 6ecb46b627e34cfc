public import HTTPTypes

/// Is told what a server does, for logs and metrics. Calls come on the loop's thread: they must be quick and never block.
public protocol ServerObserver: Sendable {
    /// A connection was accepted and is served.
    func connectionOpened()
    /// A connection that was opened is gone.
    func connectionClosed()
    /// The last byte of an answer was handed to the kernel's or the connection's queue, or the answer was cut off.
    func requestEnded(_ summary: RequestSummary)
    /// A client was turned away, or left, for a limit's or a time-out's sake, or for what it sent.
    func refused(_ cause: RefusalCause)
}

/// One request, from the end of its head to the end of its answer.
public struct RequestSummary: Sendable {
    /// `nil` for what was no request.
    public var method: HTTPRequest.Method?
    /// The pattern of the route that answered, such as `/v1/jobs/{id}`; `nil` where none did.
    public var route: String?
    /// As sent, without the query: that may hold secrets. Empty for what was no request.
    public var path: String
    /// Of the answer, or of the one that was cut off.
    public var status: Int
    /// False when the connection ended before the answer's last byte was handed over.
    public var isComplete: Bool
    /// Of the body, decoded, as far as it was read.
    public var requestBodyBytes: Int
    /// Of the answer, head, framing and content.
    public var responseBytes: Int
    /// From the end of the head to the end of the answer.
    public var duration: Duration
    /// The request's id, as the client sees it in `X-Request-Id`.
    public var id: String
    /// The peer's address without its port.
    public var remoteAddress: String?

    /// A summary of one's own, for an observer's tests.
    public init(
        method: HTTPRequest.Method?, route: String?, path: String, status: Int, isComplete: Bool,
        requestBodyBytes: Int, responseBytes: Int, duration: Duration, id: String, remoteAddress: String?
    ) {
        self.method = method
        self.route = route
        self.path = path
        self.status = status
        self.isComplete = isComplete
        self.requestBodyBytes = requestBodyBytes
        self.responseBytes = responseBytes
        self.duration = duration
        self.id = id
        self.remoteAddress = remoteAddress
    }

    /// A request without a body, answered at once.
    init(_ request: Request, status: Int, responseBytes: Int, nanoseconds: Int64) {
        self.init(
            method: request.method, route: request.route, path: request.path, status: status,
            isComplete: true,
            requestBodyBytes: 0, responseBytes: responseBytes, duration: .nanoseconds(nanoseconds),
            id: request.id,
            remoteAddress: request.remoteAddress)
    }
}

/// Why a client was turned away or cut off. The raw values are label values of metrics.
public enum RefusalCause: String, CaseIterable, Sendable {
    /// 400: not HTTP/1.1, or ambiguous.
    case malformed
    /// 408: the head did not come in time.
    case headerTimeout = "header_timeout"
    /// 408: the body did not come in time.
    case bodyTimeout = "body_timeout"
    /// 413: the body is longer than ``ServerLimits/maxBodyBytes``.
    case bodyTooLarge = "body_too_large"
    /// 414: the request line is longer than ``ServerLimits/maxRequestLineBytes``.
    case requestLineTooLong = "request_line_too_long"
    /// 431: the fields are too long, too many or too large together.
    case fieldsTooLarge = "fields_too_large"
    /// 417.
    case unknownExpectation = "unknown_expectation"
    /// 501: CONNECT, a transfer coding other than chunked, or a method too long to be one.
    case notImplemented = "not_implemented"
    /// 505: a version other than HTTP/1.x.
    case version
    /// Nothing came between two requests.
    case idleTimeout = "idle_timeout"
    /// The client did not take its answer.
    case writeTimeout = "write_timeout"
    /// The client left before its answer was complete.
    case clientLeft = "client_left"
    /// One address has as many connections as it may.
    case tooManyConnections = "too_many_connections"
    /// Out of descriptors or memory.
    case acceptFailure = "accept_failure"
}

extension RefusalCause {
    /// The cause of a head, or of a body, that was refused for what it is.
    init(_ error: HTTPError) {
        self =
            switch error.status.code {
            case 413: .bodyTooLarge
            case 414: .requestLineTooLong
            case 417: .unknownExpectation
            case 431: .fieldsTooLarge
            case 501: .notImplemented
            case 505: .version
            default: .malformed
            }
    }
}
