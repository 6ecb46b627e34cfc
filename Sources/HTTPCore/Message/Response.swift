public import HTTPTypes

/// A handler's answer. `Date`, `X-Request-Id`, `Content-Length`, `Transfer-Encoding` and `Connection` are the server's.
public struct Response: Sendable {
    public var status: HTTPResponse.Status
    public var headers: HTTPFields
    public var body: ResponseBody

    public init(status: HTTPResponse.Status, headers: HTTPFields = [:], body: ResponseBody = .none) {
        self.status = status
        self.headers = headers
        self.body = body
    }
}
