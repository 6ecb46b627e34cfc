import HTTPTypes

/// How a request's body ends (RFC 9112, section 6.3).
enum BodyFraming: Hashable, Sendable {
    case none
    case length(Int)
    case chunked
}

/// A request's head, checked and understood.
struct RequestHead: Sendable {
    var method: HTTPRequest.Method
    var path: String
    var query: String?
    var fieldSection: FieldSection
    /// The 1 or 0 of HTTP/1.1 and HTTP/1.0; a higher minor version counts as 1 (RFC 9112, section 2.3).
    var minorVersion: Int
    var framing: BodyFraming
    /// What the client asks for, by version and `Connection`.
    var keepsAlive: Bool
    /// The client waits for `100 Continue` before it sends its body.
    var expectsContinue: Bool
    /// The client's own id, when it is sane.
    var requestID: String?

    var headers: HTTPFields { fieldSection.fields }
}
