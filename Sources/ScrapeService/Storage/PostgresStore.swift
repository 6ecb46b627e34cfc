import Foundation
import HTTPCore
import Logging
import Synchronization

/// The store on one pool of connections: `JobCatalog` for the API, `WorkStore` for the engine.
///
/// Every method may be repeated after a failure: what was done is found done. Calls go through
/// ``perform(_:_:)``, which repeats once by itself when a connection turns out to be dead.
final class PostgresStore: JobCatalog, WorkStore {
    let pool: PostgresPool
    let configuration: StorageConfiguration
    let process: ProcessIdentity
    let logger: Logger
    private let memory = Mutex(Memory())

    /// What need not be asked twice.
    private struct Memory {
        var jobs: [JobID: JobReference] = [:]
        var announced: Set<ReplicaID> = []
        /// Store keys of jobs whose text this version does not understand.
        var unreadable: Set<Int64> = []
        var maintainedAt: ContinuousClock.Instant?
    }

    /// Jobs whose key is remembered: a few hundred bytes each.
    private static let maxRemembered = 1000

    /// Connections open when they are first needed; the schema must be there by then (``Migrator``).
    init(_ configuration: StorageConfiguration, on loop: EventLoop, logger: Logger) {
        self.configuration = configuration
        self.logger = logger
        process = ProcessIdentity.current()
        pool = PostgresPool(configuration.connection, limits: configuration.pool, on: loop, logger: logger)
    }

    /// Waits for what is under way, then closes every connection. Twice is fine.
    func close() async { await pool.close() }

    /// Ends what is under way, answered or not: for a server that does not answer any more.
    func abandon() async { await pool.abandon() }

    /// Channel of the wake-ups; its notifications carry nothing, so many in one transaction are one.
    static let wakeChannel = "scrape_service_work"

    /// Runs idempotent work on a connection, again on another when the first is dead. Throws ``StoreError``
    /// only.
    func perform<Value: Sendable>(
        acquireTimeout: Duration? = nil, _ body: @Sendable (PostgresConnection) async throws -> Value
    ) async throws -> Value {
        do {
            do {
                return try await pool.withConnection(retrying: true, acquireTimeout: acquireTimeout, body)
            } catch let error as PostgresError where error.kind == .statement && error.isTransient {
                // A deadlock or a stale plan: once more, as the server's manual asks.
                return try await pool.withConnection(acquireTimeout: acquireTimeout, body)
            }
        } catch let error as PostgresError {
            throw StoreError(error)
        }
    }

    /// As ``perform(acquireTimeout:_:)``, but throws ``PostgresError`` and sends what took too long once only.
    func performOnce<Value: Sendable>(
        _ body: @Sendable (PostgresConnection) async throws -> Value
    ) async throws -> Value {
        do {
            return try await pool.withConnection(retrying: true, body)
        } catch let error as PostgresError
            where error.kind == .statement && error.isTransient && !error.isStatementTimeout
        {
            return try await pool.withConnection(body)
        }
    }

    func query(_ sql: String, _ arguments: PostgresArguments = []) async throws -> PostgresResult {
        try await perform { try await $0.query(sql, arguments) }
    }

    // MARK: What is remembered

    func remembered(_ id: JobID) -> JobReference? { memory.withLock { $0.jobs[id] } }

    func remember(_ reference: JobReference, for id: JobID) {
        memory.withLock { memory in
            if memory.jobs.count >= Self.maxRemembered { memory.jobs.removeAll(keepingCapacity: true) }
            memory.jobs[id] = reference
        }
    }

    func forget(_ id: JobID) { memory.withLock { $0.jobs[id] = nil } }

    var unreadable: [Int64] { memory.withLock { Array($0.unreadable) } }

    func setUnreadable(_ key: Int64) { memory.withLock { _ = $0.unreadable.insert(key) } }

    func isAnnounced(_ replica: ReplicaID) -> Bool { memory.withLock { $0.announced.contains(replica) } }

    func setAnnounced(_ replica: ReplicaID, _ isAnnounced: Bool) {
        memory.withLock { memory in
            if isAnnounced { memory.announced.insert(replica) } else { memory.announced.remove(replica) }
        }
    }

    /// True once an interval, to the first that asks.
    func isMaintenanceDue() -> Bool {
        memory.withLock { memory in
            let now = ContinuousClock.now
            if let last = memory.maintainedAt, now - last < configuration.maintenanceInterval { return false }
            memory.maintainedAt = now
            return true
        }
    }
}

/// A job's place in the tables; never changes.
struct JobReference: Hashable, Sendable {
    var key: Int64
    /// The day its rows are filed under.
    var bucket: PostgresDay
}

extension StoreError {
    init(_ error: PostgresError) {
        switch error.kind {
        case .connectFailed, .connectionLost, .poolExhausted, .cancelled, .closed:
            self = .unavailable("\(error)")
        case .statement where error.isTransient || error.isForeignSchema: self = .unavailable("\(error)")
        case .statement: self = .failed("\(error)")
        case .misuse: self = .failed("\(error)")
        }
    }
}

extension PostgresConnection {
    /// Commits what `body` did, or nothing of it.
    func transaction<Value: Sendable>(
        _ body: @Sendable (PostgresConnection) async throws -> Value
    ) async throws -> Value {
        try await begin()
        do {
            let value = try await body(self)
            try await run("commit")
            return value
        } catch {
            if isUsable { try? await run("rollback") }
            throw error
        }
    }
}
