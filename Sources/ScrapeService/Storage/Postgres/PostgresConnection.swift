import Foundation
import HTTPCore
import Logging

/// One session with the server, driven by libpq's non-blocking calls on an event loop. One statement at a
/// time: whoever holds the connection (see ``PostgresPool``) sends the next one after the answer to the last.
actor PostgresConnection {
    nonisolated let loop: EventLoop
    nonisolated var unownedExecutor: UnownedSerialExecutor { loop.asUnownedSerialExecutor() }

    private typealias Answer = Result<PostgresResult, PostgresError>

    /// One exchange with the server, from the first byte sent to the last received.
    private struct Operation {
        var id: UInt64
        var continuation: CheckedContinuation<Answer, Never>
        var deadline: ContinuousClock.Instant
        var result = PostgresResult()
        var error: PostgresError?
    }

    private enum Phase {
        case new
        /// The name is being looked up, or libpq shakes hands.
        case connecting(Operation)
        case idle
        case busy(Operation)
        case closed(PostgresError)
    }

    private let configuration: PostgresConfiguration
    private let logger: Logger
    private var phase = Phase.new
    private var handle: PostgresHandle?
    private var registration: Registration?
    private var interest: Readiness = []
    private var watchdog: HTTPCore.Timer?
    private var lastOperation: UInt64 = 0
    private var statements: [String: String] = [:]
    private var lastStatement = 0
    private var onClose: (@Sendable () -> Void)?
    private var onNotification: (@Sendable (String) -> Void)?

    init(_ configuration: PostgresConfiguration, on loop: EventLoop, logger: Logger) {
        self.configuration = configuration
        self.loop = loop
        self.logger = logger
    }

    // MARK: State

    /// Whether the next statement can be sent.
    var isUsable: Bool { if case .idle = phase { true } else { false } }
    /// Whether no transaction is open, failed or not.
    var isTransactionIdle: Bool { isUsable && handle?.isTransactionIdle == true }
    /// The server's process, as `pg_stat_activity` names it.
    var backendID: Int32? { handle?.backendID }

    /// Called once, on the loop, when the session ends, whoever ended it.
    func setCloseHandler(_ handler: @escaping @Sendable () -> Void) { onClose = handler }

    /// Called on the loop with the channel of each notification (SQL `LISTEN`).
    func setNotificationHandler(_ handler: @escaping @Sendable (String) -> Void) { onNotification = handler }

    /// Ends the session; a statement under way fails. Repeating it does nothing.
    func close() { end(PostgresError(.closed, "closed")) }

    // MARK: Connecting

    /// Connects and sets the session up. Throws `connectFailed`, also for a server that takes longer than the
    /// time-out.
    func open() async throws(PostgresError) {
        guard case .new = phase else { throw PostgresError(.misuse, "opened twice") }
        var string = try ConnectionString(parsing: configuration.connectionString)
        string.setDefault("fallback_application_name", configuration.applicationName)
        string.setDefault("client_encoding", "UTF8")
        // A peer that vanished without a FIN: noticed within about 10 s, sending or idle.
        string.setDefault("tcp_user_timeout", "10000")
        string.setDefault("keepalives_idle", "10")
        string.setDefault("keepalives_interval", "3")
        string.setDefault("keepalives_count", "3")
        let prepared = string
        _ = try await operation(timeout: configuration.connectTimeout) { resolve(prepared) }
        do { try await setUpSession() } catch {
            end(PostgresError(.connectFailed, error.message))
            throw PostgresError(.connectFailed, sqlState: error.sqlState, error.message)
        }
    }

    private func resolve(_ string: ConnectionString) {
        guard string.needsResolution else { return start(.success(string)) }
        // getaddrinfo has no time-out and no cancellation: the thread is left behind when the deadline
        // passes.
        Thread.detachNewThread { [loop] in
            let resolved = Result { () throws(PostgresError) in try string.resolved() }
            loop.execute { [weak self] in self?.assumeIsolated { $0.start(resolved) } }
        }
    }

    private func start(_ string: Result<ConnectionString, PostgresError>) {
        guard case .connecting = phase else { return }
        do throws(PostgresError) {
            handle = try PostgresHandle(options: try string.get().options, logger: logger)
        } catch { return end(error) }
        // Documentation 34.1: behave as if the first poll had asked for writing.
        watch([.writable], renew: true)
    }

    private func continueConnecting() {
        guard let handle else { return }
        // libpq may close its socket and open another under the same number, which silently leaves epoll:
        // leave it before every poll, enter it anew after.
        registration?.cancel()
        registration = nil
        switch handle.pollConnect() {
        case .reading: watch([.readable], renew: true)
        case .writing: watch([.writable], renew: true)
        case .connected:
            watch([.readable], renew: true)
            complete(.success(PostgresResult()))
        case .failed(let message): end(PostgresError(.connectFailed, message))
        }
    }

    private func setUpSession() async throws(PostgresError) {
        var settings = [
            ("statement_timeout", milliseconds(configuration.statementTimeout)),
            ("idle_in_transaction_session_timeout", milliseconds(configuration.idleInTransactionTimeout)),
            // A commit that was answered survives a power cut.
            ("synchronous_commit", "on"),
            // Compiling costs more than any statement here takes.
            ("jit", "off"),
            // A plan made while a table was small must not outlive its growth.
            ("plan_cache_mode", "force_custom_plan"),
            ("timezone", "UTC"),
            ("default_transaction_isolation", "read committed"),
        ]
        settings += configuration.settings.map { ($0.key, $0.value) }
        if (handle?.serverVersion ?? 0) >= 140_000 {
            // A statement whose client is gone does not run to its end.
            settings.append(("client_connection_check_interval", "1000"))
        }
        _ = try await exchange(timeout: configuration.connectTimeout) { [settings] handle in
            handle.send(
                "select set_config(n, v, false) from unnest($1, $2) as s(n, v)",
                [.texts(settings.map(\.0)), .texts(settings.map(\.1))])
        }
    }

    private func milliseconds(_ duration: Duration) -> String {
        String(Int(duration / .milliseconds(1)))
    }

    // MARK: Statements

    /// Runs one statement with binary parameters, prepared once a connection.
    func query(
        _ sql: String, _ arguments: PostgresArguments = [], timeout: Duration? = nil
    ) async throws(PostgresError) -> PostgresResult {
        do {
            return try await queryOnce(sql, arguments, timeout)
        } catch {
            guard error.isStalePreparation, statements[sql] != nil else { throw error }
            await forget(sql, error)
            // In a transaction the failure has spoilt it: only its owner can begin again.
            guard isTransactionIdle else { throw error }
            return try await queryOnce(sql, arguments, timeout)
        }
    }

    /// Runs statements without parameters in the simple protocol; outside a transaction they are one.
    func run(_ script: String, timeout: Duration? = nil) async throws(PostgresError) {
        _ = try await exchange(timeout: timeout) { $0.send(script: script) }
    }

    private func queryOnce(
        _ sql: String, _ arguments: PostgresArguments, _ timeout: Duration?
    ) async throws(PostgresError) -> PostgresResult {
        guard configuration.preparesStatements, let name = try await prepare(sql, arguments.types) else {
            return try await exchange(timeout: timeout) { $0.send(sql, arguments) }
        }
        return try await exchange(timeout: timeout) { $0.send(prepared: name, arguments) }
    }

    /// The statement's name in this session; nil when the session has enough of them.
    private func prepare(_ sql: String, _ types: [UInt32]) async throws(PostgresError) -> String? {
        if let name = statements[sql] { return name }
        guard statements.count < configuration.maxPreparedStatements else { return nil }
        lastStatement += 1
        let name = "s\(lastStatement)"
        _ = try await exchange(timeout: nil) { $0.send(prepare: name, sql, types: types) }
        statements[sql] = name
        return name
    }

    private func forget(_ sql: String, _ error: PostgresError) async {
        if error.sqlState == "26000" {
            // DEALLOCATE ALL, DISCARD ALL, or a pooler's other session: none of them is there any more.
            statements = [:]
        } else if let name = statements.removeValue(forKey: sql), isTransactionIdle {
            _ = try? await run("deallocate \(name)")
        }
    }

    private func exchange(
        timeout: Duration?, _ send: (PostgresHandle) -> Bool
    ) async throws(PostgresError) -> PostgresResult {
        let limit = (timeout ?? configuration.statementTimeout) + configuration.answerGrace
        return try await operation(timeout: limit) {
            guard let handle else { return }
            if send(handle) {
                flush()
            } else if handle.isBroken {
                end(PostgresError(.connectionLost, handle.errorMessage))
            } else {
                complete(.failure(PostgresError(.misuse, handle.errorMessage)))
            }
        }
    }

    /// Suspends the task from `begin` until ``complete(_:)`` or ``end(_:)``.
    private func operation(
        timeout: Duration, _ begin: () -> Void
    ) async throws(PostgresError) -> PostgresResult {
        switch phase {
        case .closed(let error): throw error
        case .connecting, .busy: throw PostgresError(.misuse, "two tasks use one connection")
        case .new, .idle: break
        }
        lastOperation += 1
        let id = lastOperation
        let answer = await withTaskCancellationHandler {
            await withCheckedContinuation { (continuation: CheckedContinuation<Answer, Never>) in
                let operation = Operation(id: id, continuation: continuation, deadline: .now + timeout)
                if case .new = phase { phase = .connecting(operation) } else { phase = .busy(operation) }
                watchDeadline(operation.deadline)
                begin()
            }
        } onCancel: {
            loop.execute { [weak self] in self?.assumeIsolated { $0.cancel(id) } }
        }
        return try answer.get()
    }

    // MARK: Events

    private func watch(_ wanted: Readiness, renew: Bool = false) {
        guard let handle else { return }
        do {
            if let registration, !renew {
                if wanted != interest { try registration.update(wanted) }
            } else {
                registration = try loop.register(handle.socket, wanted) { [weak self] _ in
                    self?.assumeIsolated { $0.socketIsReady() }
                }
            }
            interest = wanted
        } catch {
            end(PostgresError(.connectionLost, "\(error)"))
        }
    }

    private func socketIsReady() {
        switch phase {
        case .connecting: continueConnecting()
        case .idle, .busy: receive()
        case .new, .closed: break
        }
    }

    private func flush() {
        switch handle?.flush() {
        case .done: watch([.readable])
        case .pending: watch([.readable, .writable])
        case .failed, nil: receive()
        }
    }

    /// Reads what is there. An idle session that is readable has a notice, a notification, or has ended.
    private func receive() {
        guard let handle else { return }
        let isAlive = handle.consumeInput()
        collect(handle)
        // Collecting may have ended the session: then the handle is gone.
        if case .closed = phase { return }
        for channel in handle.takeNotifications() { onNotification?(channel) }
        // What the server said before it went is in the results by now; libpq's text is the rest.
        if !isAlive || handle.isBroken { return end(PostgresError(.connectionLost, handle.errorMessage)) }
        if interest.contains(.writable) { flush() }
    }

    private func collect(_ handle: PostgresHandle) {
        guard case .busy(var operation) = phase else { return }
        while !handle.isBusy {
            guard let outcome = handle.nextResult() else {
                let error = operation.error
                complete(error.map { .failure($0) } ?? .success(operation.result))
                if let error, error.isConnectionLoss { end(error) }
                return
            }
            switch outcome {
            case .result(let result): operation.result = result
            case .error(let error): operation.error = operation.error ?? error
            case .copy: return end(PostgresError(.misuse, "COPY is not spoken here"))
            }
            phase = .busy(operation)
        }
    }

    // MARK: Ends

    /// Answers the operation under way; late events find none and do nothing.
    private func complete(_ answer: Answer) {
        switch phase {
        case .connecting(let operation), .busy(let operation):
            phase = .idle
            operation.continuation.resume(returning: answer)
        case .new, .idle, .closed: break
        }
    }

    private func end(_ error: PostgresError) {
        if case .closed = phase { return }
        complete(.failure(error))
        phase = .closed(error)
        watchdog?.cancel()
        registration?.cancel()
        registration = nil
        handle?.finish()
        handle = nil
        onNotification = nil
        onClose?()
        onClose = nil
    }

    private func cancel(_ id: UInt64) {
        switch phase {
        case .connecting(let operation) where operation.id == id:
            end(PostgresError(.cancelled, "cancelled while connecting"))
        case .busy(let operation) where operation.id == id:
            loop.schedule(after: configuration.cancelGrace) { [weak self] in
                self?.assumeIsolated { $0.abandon(id) }
            }
        default: break
        }
    }

    private func abandon(_ id: UInt64) {
        guard case .busy(let operation) = phase, operation.id == id else { return }
        end(PostgresError(.cancelled, "cancelled in mid-statement"))
    }

    /// One timer a connection, moved on when it fires too early: a timer a statement would fill the heap.
    private func watchDeadline(_ deadline: ContinuousClock.Instant) {
        if let watchdog, watchdog.deadline <= deadline, watchdog.deadline > .now { return }
        watchdog?.cancel()
        watchdog = loop.schedule(at: deadline) { [weak self] in self?.assumeIsolated { $0.checkDeadline() } }
    }

    private func checkDeadline() {
        watchdog = nil
        switch phase {
        case .connecting(let operation), .busy(let operation):
            if operation.deadline > .now { return watchDeadline(operation.deadline) }
            if case .connecting = phase {
                end(PostgresError(.connectFailed, "no answer within \(configuration.connectTimeout)"))
            } else {
                end(PostgresError(.connectionLost, "no answer in time"))
            }
        case .new, .idle, .closed: break
        }
    }
}
