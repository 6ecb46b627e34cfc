public import HTTPTypes

/// One request as its handler sees it.
public struct Request: Sendable {
    /// As sent; methods are case-sensitive (RFC 9110, section 9.1).
    public var method: HTTPRequest.Method
    /// As sent, percent-encoded; begins with "/", or is "*" (RFC 9112, section 3.2.4).
    public var path: String
    /// As sent, without the "?"; `nil` when there was none.
    public var query: String?
    /// The fields, in the order they came; understood when they are first asked for.
    public var headers: HTTPFields {
        get { fieldSection.fields }
        set { fieldSection = FieldSection(fields: newValue) }
    }
    private var fieldSection: FieldSection
    /// The client's own `X-Request-Id` when it sent a sane one, else a new one.
    public var id: String
    /// The peer's address without its port; `nil` in memory.
    public var remoteAddress: String?
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
        self.init(
            method: method, path: path, query: query, fieldSection: FieldSection(fields: headers), body: body,
            id: id, remoteAddress: remoteAddress)
    }

    init(
        method: HTTPRequest.Method, path: String, query: String?, fieldSection: FieldSection,
        body: RequestBody,
        id: String, remoteAddress: String?
    ) {
        self.method = method
        self.path = path
        self.query = query
        self.fieldSection = fieldSection
        self.body = body
        self.id = id
        self.remoteAddress = remoteAddress
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
