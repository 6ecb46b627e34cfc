import Glibc
import HTTPTypes
public import Logging

/// An HTTP/1.1 server on one event loop. Its connections and handlers run on that loop's thread.
///
/// A server that was started holds itself until ``shutdown()``; the loop must outlive it.
public actor Server {
    /// The loop it serves on.
    public nonisolated var unownedExecutor: UnownedSerialExecutor { context.loop.asUnownedSerialExecutor() }

    /// Connections accepted in one go before others get their turn.
    private static let maxAcceptsInARow = 64
    /// Idle connections closed in one go to make room: enough for a burst, few enough to keep most warm.
    private static let maxShedInARow = 32
    /// Failures of accept are logged at most that often: under load each close brings another.
    private static let acceptLogInterval: Duration = .seconds(10)

    /// A connection, and how it counts.
    private struct Entry {
        let connection: Connection
        let client: ClientNetwork
        let verdict: Admission.Verdict
    }

    private let context: ServerContext
    private var listener: Int32?
    private var registration: Registration?
    private var isAccepting = false
    private var connections: [ObjectIdentifier: Entry] = [:]
    private var admission: Admission
    private var rest: Timer?
    private var nextShedding = LoopTime.now
    private var nextAcceptLog = LoopTime.now
    private var isShutDown = false
    private var hardDeadline: Timer?
    private var shutdownWaiters: [CheckedContinuation<Void, Never>] = []

    /// `errorResponse` makes the answer to every `HTTPError`, whether a handler threw it or the server found it.
    public init(
        loop: EventLoop, limits: ServerLimits = ServerLimits(), logger: Logger, responder: any Responder,
        observer: (any ServerObserver)? = nil,
        errorResponse: @escaping @Sendable (HTTPError, _ requestID: String) -> Response = Server.plainText
    ) {
        context = ServerContext(
            loop: loop, limits: limits, logger: logger, responder: responder, observer: observer,
            errorResponse: errorResponse)
        admission = Admission(limits: limits)
    }

    /// The default error answer: the reason as a line of text.
    public static func plainText(_ error: HTTPError, requestID: String) -> Response {
        var headers = error.headers
        headers[.contentType] = "text/plain; charset=utf-8"
        return Response(status: error.status, headers: headers, body: .bytes(Array("\(error.reason)\n".utf8)))
    }

    /// What the server has done so far.
    public var counters: ServerCounters {
        var counters = context.counters
        counters.openConnections = connections.count
        return counters
    }

    /// Listens and serves; returns the port, which the system chooses when `port` is 0. Once only: a second start,
    /// or one after ``shutdown()``, throws `SystemError`.
    public func start(host: String, port: Int) async throws -> Int {
        guard listener == nil, !isShutDown else { throw SystemError(call: "listen", errno: EALREADY) }
        let listener = try Self.listen(host: host, port: port, backlog: context.limits.backlog)
        context.whenClosed = { [unowned self] connection in assumeIsolated { $0.forget(connection) } }
        do {
            registration = try context.loop.register(listener, .readable) { _ in
                self.assumeIsolated { $0.acceptSome() }
            }
        } catch {
            close(listener)
            throw error
        }
        self.listener = listener
        isAccepting = true
        return SocketCalls.localPort(listener)
    }

    private static func listen(host: String, port: Int, backlog: Int) throws -> Int32 {
        var failure = SystemError(call: "getaddrinfo", errno: EADDRNOTAVAIL)
        for address in try SocketAddress.resolve(host, port: port, passive: true) {
            do throws(SystemError) {
                return try SocketCalls.listen(address, backlog: backlog)
            } catch {
                failure = error
            }
        }
        throw failure
    }

    // MARK: Accepting

    private func acceptSome(upTo count: Int = Server.maxAcceptsInARow) {
        guard let listener, isAccepting else { return }
        for _ in 0..<count {
            guard hasRoom || shedIdle() else { return pauseAccepting() }
            do throws(SystemError) {
                switch try SocketCalls.accept(listener) {
                case .wouldBlock: return
                case .done(let accepted): open(accepted.descriptor, accepted.peer)
                }
            } catch {
                if Self.concernsOnePeer(error.errno) { continue }
                return backOff(error)
            }
        }
    }

    private func open(_ descriptor: Int32, _ peer: SocketAddress) {
        context.counters.acceptedConnections += 1
        let client = peer.network
        let verdict = admission.admit(client)
        if verdict == .drop {
            context.note(.tooManyConnections)
            close(descriptor)
            return
        }
        let connection = Connection(context: context, descriptor: descriptor, remoteAddress: peer.host)
        connections[ObjectIdentifier(connection)] = Entry(
            connection: connection, client: client, verdict: verdict)
        do {
            let refusal = verdict == .turnAway ? Self.tooManyConnections : nil
            try connection.assumeIsolated { try $0.start(refusal: refusal) }
        } catch {
            remove(connection)
            close(descriptor)
        }
    }

    private static let tooManyConnections = HTTPError(
        .serviceUnavailable, "This address has as many connections open as it may.",
        headers: [.retryAfter: "1"])

    private var hasRoom: Bool { connections.count < context.limits.maxConnections }

    /// Closes connections that wait between two requests; true when that made room.
    private func shedIdle() -> Bool {
        // Where none is idle, looking at all of them for each client in the backlog would cost more than serving it.
        guard context.loop.now >= nextShedding else { return false }
        nextShedding = context.loop.now + context.limits.acceptBackOff
        let idle = connections.values.lazy.map(\.connection)
            .filter { $0.assumeIsolated { $0.core.state.isBetweenRequests } }
            .prefix(Self.maxShedInARow)
        for connection in Array(idle) {
            context.counters.shedConnections += 1
            connection.assumeIsolated { $0.drain() }
        }
        return hasRoom
    }

    /// Errors of a connection that failed before it was accepted (accept(2)); the next one may be fine.
    private static func concernsOnePeer(_ code: Int32) -> Bool {
        [
            ECONNABORTED, EPERM, EPROTO, ENETDOWN, ENOPROTOOPT, EHOSTDOWN, ENONET, EHOSTUNREACH, EOPNOTSUPP,
            ENETUNREACH,
        ]
        .contains(code)
    }

    /// Out of descriptors or memory. No descriptor is kept in reserve to accept and close with: clients wait in the backlog,
    /// which ends with the next close, and a dropped connection tells them less.
    private func backOff(_ error: SystemError) {
        context.note(.acceptFailure)
        if context.loop.now >= nextAcceptLog {
            nextAcceptLog = context.loop.now + Self.acceptLogInterval
            let failures = context.counters.causes[.acceptFailure, default: 0]
            context.logger.warning(
                "accept failed; clients wait",
                metadata: ["error": "\(error)", "failures_so_far": "\(failures)"])
        }
        pauseAccepting()
    }

    /// Nobody listens for a while, so that the loop does not spin.
    private func pauseAccepting() {
        setAccepting(false)
        guard rest == nil else { return }
        rest = context.loop.schedule(after: context.limits.acceptBackOff) {
            self.assumeIsolated { $0.resumeAccepting() }
        }
    }

    private func resumeAccepting() {
        rest?.cancel()
        rest = nil
        setAccepting(true)
    }

    private func setAccepting(_ on: Bool) {
        guard isAccepting != on, let registration else { return }
        isAccepting = on
        do {
            try registration.update(on ? .readable : [])
        } catch {
            context.logger.critical("the listener is lost", metadata: ["error": "\(error)"])
        }
    }

    private func forget(_ connection: Connection) {
        remove(connection)
        // It may be waited for.
        if !isAccepting, hasRoom { resumeAccepting() }
        if isShutDown, connections.isEmpty { endShutdown() }
    }

    private func remove(_ connection: Connection) {
        guard let entry = connections.removeValue(forKey: ObjectIdentifier(connection)) else { return }
        admission.leave(entry.client, entry.verdict)
    }

    // MARK: The end

    /// No new connections, idle ones close at once, what is in flight finishes with `Connection: close` within
    /// `limits.drainTimeout` and is cut off then. Twice is fine, so is before ``start(host:port:)``.
    public func shutdown() async {
        // Who is in the backlog has been let in by the kernel and may have sent a request.
        acceptSome(upTo: context.limits.backlog)
        isShutDown = true
        stopListening()
        drainConnections()
        guard !connections.isEmpty else { return }
        if hardDeadline == nil {
            hardDeadline = context.loop.schedule(after: context.limits.drainTimeout) {
                self.assumeIsolated { $0.cutOff() }
            }
        }
        await withCheckedContinuation { shutdownWaiters.append($0) }
    }

    private func drainConnections() {
        for entry in Array(connections.values) { entry.connection.assumeIsolated { $0.drain() } }
    }

    private func stopListening() {
        registration?.cancel()
        registration = nil
        rest?.cancel()
        rest = nil
        isAccepting = false
        if let listener { close(listener) }
        listener = nil
    }

    private func cutOff() {
        context.logger.warning("drain time is over", metadata: ["connections": "\(connections.count)"])
        for entry in Array(connections.values) { entry.connection.assumeIsolated { $0.abort() } }
    }

    private func endShutdown() {
        hardDeadline?.cancel()
        let waiters = shutdownWaiters
        shutdownWaiters = []
        for waiter in waiters { waiter.resume() }
    }
}
