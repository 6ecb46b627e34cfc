import DequeModule
import HTTPCore
import Logging

/// Shares 1…100 connections among tasks, first come, first served; opens them as they are needed and again
/// when they die.
actor PostgresPool {
    nonisolated let loop: EventLoop
    nonisolated var unownedExecutor: UnownedSerialExecutor { loop.asUnownedSerialExecutor() }

    private typealias Handover = Result<PostgresConnection, PostgresError>

    private struct Borrower {
        var id: UInt64
        var since: ContinuousClock.Instant
        var continuation: CheckedContinuation<Handover, Never>
        var timer: Timer
    }

    private let configuration: PostgresConfiguration
    private let limits: PostgresPoolLimits
    private let logger: Logger
    /// Last used first: what is not needed stays cold.
    private var idle: [PostgresConnection] = []
    private var opening = 0
    /// Lent ones by their identity, so that they can be ended from here.
    private var lent: [ObjectIdentifier: PostgresConnection] = [:]
    private var leased: Int { lent.count }
    private var borrowers: Deque<Borrower> = []
    private var lastBorrower: UInt64 = 0
    private var backoff: Backoff
    private var pause: Timer?
    private var lastFailure: PostgresError?
    private var isClosed = false
    private var closers: [CheckedContinuation<Void, Never>] = []

    init(
        _ configuration: PostgresConfiguration, limits: PostgresPoolLimits = PostgresPoolLimits(),
        on loop: EventLoop, logger: Logger
    ) {
        self.configuration = configuration
        self.limits = limits
        self.loop = loop
        self.logger = logger
        backoff = Backoff(first: limits.minBackoff, last: limits.maxBackoff)
    }

    struct Counts: Hashable, Sendable {
        var idle: Int
        var leased: Int
        var opening: Int
        var waiting: Int
    }

    /// For metrics and tests.
    var counts: Counts {
        Counts(idle: idle.count, leased: leased, opening: opening, waiting: borrowers.count)
    }

    /// Lends a connection to `body` and takes it back whatever happens; an open transaction is rolled back.
    ///
    /// `retrying`: the work is idempotent, so when its connection turns out to be dead it runs once more on
    /// another. Throws `poolExhausted` or `connectFailed` after the acquire time-out, and what `body` throws.
    func withConnection<Value: Sendable>(
        retrying: Bool = false, acquireTimeout: Duration? = nil,
        _ body: @Sendable (PostgresConnection) async throws -> Value
    ) async throws -> Value {
        do {
            return try await lend(acquireTimeout, body)
        } catch let error as PostgresError where retrying && error.isConnectionLoss {
            logger.debug("trying again on another connection", metadata: ["cause": "\(error)"])
            return try await lend(acquireTimeout, body)
        }
    }

    /// Runs one statement; see ``withConnection(retrying:acquireTimeout:_:)``.
    func query(
        _ sql: String, _ arguments: PostgresArguments = [], retrying: Bool = true
    ) async throws -> PostgresResult {
        try await withConnection(retrying: retrying) { try await $0.query(sql, arguments) }
    }

    /// Refuses new work, waits for what is lent, closes everything. Twice is fine.
    func close() async {
        await refuseWork()
        guard leased > 0 else { return }
        await withCheckedContinuation { closers.append($0) }
    }

    /// Ends every session at once, whatever it is doing: what waits for a server that does not answer fails now.
    func abandon() async {
        await refuseWork()
        for connection in lent.values { await connection.close() }
    }

    private func refuseWork() async {
        isClosed = true
        pause?.cancel()
        pause = nil
        for borrower in borrowers { answer(borrower, .failure(PostgresError(.closed, "the pool is closed"))) }
        borrowers = []
        let cold = idle
        idle = []
        for connection in cold { await connection.close() }
    }

    // MARK: Lending

    private func lend<Value: Sendable>(
        _ timeout: Duration?, _ body: @Sendable (PostgresConnection) async throws -> Value
    ) async throws -> Value {
        let connection = try await acquire(timeout ?? limits.acquireTimeout)
        do {
            let value = try await body(connection)
            await release(connection)
            return value
        } catch {
            await release(connection)
            throw error
        }
    }

    private func acquire(_ timeout: Duration) async throws(PostgresError) -> PostgresConnection {
        if isClosed { throw PostgresError(.closed, "the pool is closed") }
        while borrowers.isEmpty, let connection = idle.popLast() {
            // Counted before the wait, so that `close()` sees it.
            lent[ObjectIdentifier(connection)] = connection
            if await connection.isUsable { return connection }
            lent[ObjectIdentifier(connection)] = nil
        }
        lastBorrower += 1
        let id = lastBorrower
        let handover = await withTaskCancellationHandler {
            await withCheckedContinuation { (continuation: CheckedContinuation<Handover, Never>) in
                let patience = isUnreachable ? min(timeout, limits.unreachableTimeout) : timeout
                borrowers.append(
                    Borrower(
                        id: id, since: .now, continuation: continuation,
                        timer: giveUp(id, after: patience)))
                openAsNeeded()
            }
        } onCancel: {
            loop.execute { [weak self] in self?.assumeIsolated { $0.cancel(id) } }
        }
        return try handover.get()
    }

    private func release(_ connection: PostgresConnection) async {
        // Most leave their transaction themselves: then the socket is not touched again.
        if await connection.isUsable, await !connection.isTransactionIdle {
            try? await connection.run("rollback", timeout: .seconds(1))
        }
        let isClean = await connection.isTransactionIdle
        lent[ObjectIdentifier(connection)] = nil
        if isClean, !isClosed {
            hand(connection)
        } else {
            await connection.close()
            openAsNeeded()
        }
        if leased == 0 {
            for closer in closers { closer.resume() }
            closers = []
        }
    }

    private func hand(_ connection: PostgresConnection) {
        if let borrower = borrowers.popFirst() {
            lent[ObjectIdentifier(connection)] = connection
            answer(borrower, .success(connection))
        } else {
            idle.append(connection)
        }
    }

    private func answer(_ borrower: Borrower, _ handover: Handover) {
        borrower.timer.cancel()
        borrower.continuation.resume(returning: handover)
    }

    private func giveUp(_ id: UInt64, after patience: Duration) -> Timer {
        loop.schedule(after: patience) { [weak self] in self?.assumeIsolated { $0.giveUp(id) } }
    }

    private func giveUp(_ id: UInt64) {
        let error =
            lastFailure ?? PostgresError(.poolExhausted, "all \(limits.maxConnections) connections are lent")
        remove(id, error)
    }

    private func cancel(_ id: UInt64) {
        remove(id, PostgresError(.cancelled, "cancelled while waiting for a connection"))
    }

    /// A borrower that was served in the meantime is not there any more: nothing to do.
    private func remove(_ id: UInt64, _ error: PostgresError) {
        guard let index = borrowers.firstIndex(where: { $0.id == id }) else { return }
        answer(borrowers.remove(at: index), .failure(error))
    }

    // MARK: Opening

    /// The last attempt failed and no session is left: who comes now need not wait long to hear of it.
    private var isUnreachable: Bool { lastFailure != nil && leased == 0 && idle.isEmpty }

    private func openAsNeeded() {
        while !isClosed, pause == nil, opening < borrowers.count,
            idle.count + leased + opening < limits.maxConnections
        {
            opening += 1
            Task { await self.open() }
        }
    }

    private func open() async {
        let connection = PostgresConnection(configuration, on: loop, logger: logger)
        do {
            try await connection.open()
            opening -= 1
            backoff.reset()
            lastFailure = nil
            guard !isClosed else { return await connection.close() }
            await connection.setCloseHandler { [weak self, weak connection] in
                guard let self, let connection else { return }
                self.assumeIsolated { $0.forget(connection) }
            }
            hand(connection)
        } catch {
            opening -= 1
            failed(error)
        }
    }

    private func failed(_ error: PostgresError) {
        lastFailure = error
        if isUnreachable { shortenWaits() }
        guard !isClosed, pause == nil else { return }
        let delay = backoff.next()
        logger.warning(
            "no connection to the database", metadata: ["cause": "\(error)", "retry_in": "\(delay)"])
        pause = loop.schedule(after: delay) { [weak self] in
            self?.assumeIsolated { pool in
                pool.pause = nil
                pool.openAsNeeded()
            }
        }
    }

    private func shortenWaits() {
        let latest = ContinuousClock.now
        for index in borrowers.indices {
            let end = borrowers[index].since + limits.unreachableTimeout
            guard end < borrowers[index].timer.deadline else { continue }
            borrowers[index].timer.cancel()
            borrowers[index].timer = giveUp(borrowers[index].id, after: max(.zero, end - latest))
        }
    }

    /// An idle connection has died; one that is lent is thrown away when it comes back.
    private func forget(_ connection: PostgresConnection) {
        idle.removeAll { $0 === connection }
    }
}
