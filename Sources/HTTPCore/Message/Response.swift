public import HTTPTypes

/// A handler's answer. `Date`, `X-Request-Id`, `Content-Length`, `Transfer-Encoding` and `Connection` are the server's.
public struct Response: Sendable {
    /// A final one, 2xx to 5xx.
    public var status: HTTPResponse.Status
    /// The answer's own fields. One that holds CR, LF or NUL makes the answer a 500.
    public var headers: HTTPFields
    /// The content; not sent to HEAD, nor with 204 and 304.
    public var body: ResponseBody

    /// An answer, without content unless it is given some.
    public init(status: HTTPResponse.Status, headers: HTTPFields = [:], body: ResponseBody = .none) {
        self.status = status
        self.headers = headers
        self.body = body
    }
}
