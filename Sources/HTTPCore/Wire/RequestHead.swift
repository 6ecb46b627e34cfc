import HTTPTypes

/// How a request's body ends (RFC 9112, section 6.3).
enum BodyFraming: Hashable, Sendable {
    case none
    case length(Int)
    case chunked
}

/// A request's head, checked and understood.
struct RequestHead: Sendable {
    /// Its body's length is known, its bytes follow on the wire.
    var request = Request.none
    /// The 1 or 0 of HTTP/1.1 and HTTP/1.0; a higher minor version counts as 1 (RFC 9112, section 2.3).
    var minorVersion = 1
    var framing = BodyFraming.none
    /// What the client asks for, by version and `Connection`.
    var keepsAlive = true
    /// The client waits for `100 Continue` before it sends its body.
    var expectsContinue = false
}
