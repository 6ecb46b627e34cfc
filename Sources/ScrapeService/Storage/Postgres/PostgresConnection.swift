import Foundation
import HTTPCore
import Logging

/// One session with the server, driven by libpq's non-blocking calls on an event loop. One statement at a
/// time: whoever holds the connection (see ``PostgresPool``) sends the next one after the answer to the last.
actor PostgresConnection {
    nonisolated let loop: EventLoop
    nonisolated var unownedExecutor: UnownedSerialExecutor { loop.asUnownedSerialExecutor() }

    typealias Answer = Result<PostgresResult, PostgresError>

    /// One exchange with the server, from the first byte sent to the last received.
    struct Operation {
        var id: UInt64
        var continuation: CheckedContinuation<Answer, Never>
        var deadline: ContinuousClock.Instant
        /// Sent in libpq's pipeline mode: over at the pipeline's end, not at the first statement's.
        var isPipeline = false
        var result = PostgresResult()
        var error: PostgresError?
    }

    enum Phase {
        case new
        /// The name is being looked up, or libpq shakes hands.
        case connecting(Operation)
        case idle
        case busy(Operation)
        case closed(PostgresError)
    }

    let configuration: PostgresConfiguration
    let logger: Logger
    var phase = Phase.new
    var handle: PostgresHandle?
    var registration: Registration?
    /// The hosts still to be tried, and the end of the present one's share of the time.
    var candidates: [ConnectionString] = []
    var hostTimer: HTTPCore.Timer?
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

    /// Opens a transaction, with the settings that a session behind a pooler does not keep.
    func begin() async throws(PostgresError) {
        try await run(configuration.isTransactionPooled ? pooledBegin : "begin")
    }

    /// Runs statements without parameters in the simple protocol; outside a transaction they are one.
    func run(_ script: String, timeout: Duration? = nil) async throws(PostgresError) {
        _ = try await exchange(timeout: timeout) { $0.send(script: script) }
    }

    private func queryOnce(
        _ sql: String, _ arguments: PostgresArguments, _ timeout: Duration?
    ) async throws(PostgresError) -> PostgresResult {
        if configuration.isTransactionPooled {
            // The settings of an open transaction are set; alone, a statement brings its own along.
            let settings = isTransactionIdle ? sessionSettings : nil
            return try await exchange(timeout: timeout, isPipeline: settings != nil) { handle in
                if let settings { return handle.send(Self.setLocally, settings, before: sql, arguments) }
                return handle.send(sql, arguments)
            }
        }
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

    func exchange(
        timeout: Duration?, isPipeline: Bool = false, _ send: (PostgresHandle) -> Bool
    ) async throws(PostgresError) -> PostgresResult {
        let limit = (timeout ?? configuration.statementTimeout) + configuration.answerGrace
        return try await operation(timeout: limit, isPipeline: isPipeline) {
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
    func operation(
        timeout: Duration, isPipeline: Bool = false, _ begin: () -> Void
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
                let operation = Operation(
                    id: id, continuation: continuation, deadline: .now + timeout, isPipeline: isPipeline)
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

    func watch(_ wanted: Readiness, renew: Bool = false) {
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
        // Nothing after nothing: a pipeline that waits for the server, or whose connection is gone.
        var hadResult = true
        while !handle.isBusy {
            guard let outcome = handle.nextResult() else {
                guard operation.isPipeline else { return finish(operation) }
                guard hadResult else { return }
                hadResult = false
                continue
            }
            hadResult = true
            switch outcome {
            case .result(let result): operation.result = result
            case .error(let error): operation.error = operation.error ?? error
            case .endOfPipeline: return finish(operation)
            case .copy: return end(PostgresError(.misuse, "COPY is not spoken here"))
            }
            phase = .busy(operation)
        }
    }

    private func finish(_ operation: Operation) {
        if operation.isPipeline { handle?.exitPipeline() }
        complete(operation.error.map { .failure($0) } ?? .success(operation.result))
        if let error = operation.error, error.isConnectionLoss { end(error) }
    }

    // MARK: Ends

    /// Answers the operation under way; late events find none and do nothing.
    func complete(_ answer: Answer) {
        switch phase {
        case .connecting(let operation), .busy(let operation):
            phase = .idle
            operation.continuation.resume(returning: answer)
        case .new, .idle, .closed: break
        }
    }

    func end(_ error: PostgresError) {
        if case .closed = phase { return }
        complete(.failure(error))
        phase = .closed(error)
        watchdog?.cancel()
        dropHost()
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
