/// What a server asks for every request: the router, or anything that wraps one.
public protocol Responder: Sendable {
    /// Finds who answers, on the connection's loop: quick, without waiting. What it learns (``Request/route``,
    /// ``Request/parameters``) it writes into the request. Throws `HTTPError` when nobody answers.
    func handler(for request: inout Request) throws -> Handler
}

/// How a request is answered.
public enum Handler: Sendable {
    /// At once, on the loop, which does nothing else meanwhile: for answers that are in memory. It reads no body.
    /// Half the cost of one that may suspend, since no task is involved.
    case immediate(@Sendable (Request) throws -> Response)
    /// Runs in a task of the connection's, on the executor of its caller, which on a server is the loop.
    case suspending(@Sendable (Request) async throws -> Response)

    /// Answers `request`, in the way the handler has.
    public func callAsFunction(_ request: Request) async throws -> Response {
        switch self {
        case .immediate(let respond): try respond(request)
        case .suspending(let respond): try await respond(request)
        }
    }
}

extension Responder {
    /// The whole way from request to answer, for tests in memory.
    public func respond(to request: Request) async throws -> Response {
        var request = request
        return try await handler(for: &request)(request)
    }
}
