import HTTPTypes
public import Logging

/// An HTTP/1.1 server on one event loop.
public actor Server {
    public nonisolated var unownedExecutor: UnownedSerialExecutor { loop.asUnownedSerialExecutor() }
    private let loop: EventLoop

    public init(
        loop: EventLoop, limits: ServerLimits = ServerLimits(), logger: Logger, responder: any Responder,
        errorResponse: @escaping @Sendable (HTTPError, _ requestID: String) -> Response = Server.plainText
    ) {
        self.loop = loop
    }

    /// Listens and serves; returns the port, which the system chooses when `port` is 0.
    public func start(host: String, port: Int) async throws -> Int { port }

    /// Ends: no new connections, idle ones close, what is in flight finishes within `limits.drainTimeout`.
    public func shutdown() async {}

    /// The default error answer: the reason as a line of text.
    public static func plainText(_ error: HTTPError, requestID: String) -> Response {
        Response(
            status: error.status, headers: [.contentType: "text/plain; charset=utf-8"],
            body: .bytes(Array("\(error.reason)\n".utf8)))
    }
}
