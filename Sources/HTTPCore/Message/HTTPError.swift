public import HTTPTypes

/// An answer other than success, thrown by a handler or found by the server; the client sees all of it.
public struct HTTPError: Error, Hashable, Sendable {
    /// Of the answer.
    public var status: HTTPResponse.Status
    /// One sentence for the client; never the inner cause of a 5xx.
    public var reason: String
    /// Fields the answer must carry, such as `Allow` or `Retry-After`.
    public var headers: HTTPFields

    /// Without a reason the status's own phrase is shown.
    public init(_ status: HTTPResponse.Status, _ reason: String = "", headers: HTTPFields = [:]) {
        self.status = status
        self.reason = reason.isEmpty ? status.reasonPhrase : reason
        self.headers = headers
    }
}
