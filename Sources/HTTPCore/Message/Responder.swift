/// What a server asks for every request: the router, or anything that wraps one.
public protocol Responder: Sendable {
    /// Runs on the executor of its caller, which on a server is the connection's event loop.
    func respond(to request: Request) async throws -> Response
}
