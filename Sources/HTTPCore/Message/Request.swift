public import HTTPTypes

/// One request as its handler sees it.
public struct Request: Sendable {
    public var method: HTTPRequest.Method
    /// As sent, percent-encoded; begins with "/", or is "*" (RFC 9112, section 3.2.4).
    public var path: String
    /// As sent, without the "?"; `nil` when there was none.
    public var query: String?
    public var headers: HTTPFields
    /// The client's own `X-Request-Id` when it sent a sane one, else a new one.
    public var id: String
    /// The peer's address without its port; `nil` in memory.
    public var remoteAddress: String?
    public var body: RequestBody
    /// The path's `{names}`, percent-decoded; filled by the router.
    public var parameters: [String: String] = [:]

    public init(
        method: HTTPRequest.Method, path: String, query: String? = nil, headers: HTTPFields = [:],
        body: RequestBody = .empty, id: String = RequestID.generate(), remoteAddress: String? = nil
    ) {
        self.method = method
        self.path = path
        self.query = query
        self.headers = headers
        self.id = id
        self.remoteAddress = remoteAddress
        self.body = body
    }

    /// The query's pairs, percent-decoded, "+" a space; malformed escapes stay as they are.
    public var queryItems: [(name: String, value: String)] {
        guard let query else { return [] }
        return query.split(separator: "&").map { pair in
            guard let equals = pair.firstIndex(of: "=") else { return (PercentEncoding.decodeForm(pair), "") }
            let value = pair[pair.index(after: equals)...]
            return (PercentEncoding.decodeForm(pair[..<equals]), PercentEncoding.decodeForm(value))
        }
    }
}
