public import HTTPTypes

/// One request as its handler sees it.
public struct Request: Sendable {
    /// What does not change on the way to the handler: one reference, so that passing a request on costs little.
    private var head: RequestParts
    /// The content; empty where the request has none.
    public var body: RequestBody
    /// The path's `{names}`, percent-decoded; filled by the router.
    public var parameters: [String: String] = [:]
    /// The pattern of the route that answers, such as `/v1/jobs/{id}`; filled by the router.
    public var route: String?

    /// A request in memory, for tests and for responders that ask others.
    public init(
        method: HTTPRequest.Method, path: String, query: String? = nil, headers: HTTPFields = [:],
        body: RequestBody = .empty, id: String = RequestID.generate(), remoteAddress: String? = nil
    ) {
        let values = RequestParts.Values(
            method: method, path: path, query: query, id: id, remoteAddress: remoteAddress)
        self.init(values, headers)
        self.body = body
    }

    init(_ values: RequestParts.Values, _ fields: HTTPFields) {
        head = RequestParts(values, fields: fields)
        body = .empty
    }

    /// Stands where none has come yet.
    static let none = Request(method: .get, path: "", id: "")

    /// Becomes the next request, without a body, in the memory of the last one if nobody else holds that.
    mutating func refill(_ values: consuming RequestParts.Values, lines: UnsafeBufferPointer<UInt8>) {
        if isKnownUniquelyReferenced(&head) {
            head.refill(values, lines: lines)
        } else {
            head = RequestParts(values, lines: lines)
        }
        body = .empty
        if !parameters.isEmpty { parameters = [:] }
        route = nil
    }

    /// As sent; methods are case-sensitive (RFC 9110, section 9.1).
    public var method: HTTPRequest.Method { head.values.method }
    /// As sent, percent-encoded; begins with "/", or is "*" (RFC 9112, section 3.2.4).
    public var path: String { head.values.path }
    /// As sent, without the "?"; `nil` when there was none.
    public var query: String? { head.values.query }
    /// The fields, in the order they came; understood when they are first asked for.
    public var headers: HTTPFields { head.fields }
    /// The client's own `X-Request-Id` when it sent a sane one, else a new one.
    public var id: String { head.values.id }
    /// The peer's address without its port; `nil` in memory.
    public var remoteAddress: String? { head.values.remoteAddress }

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

extension HTTPRequest.Method {
    /// Of RFC 9110, section 9.3, and RFC 5789: what a server knows of, whether it has it or not.
    static let registered: Set<HTTPRequest.Method> = [
        .get, .head, .post, .put, .delete, .connect, .options, .trace, .patch,
    ]
}
