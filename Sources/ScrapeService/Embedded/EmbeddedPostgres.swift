import Foundation
import Logging
import Synchronization

/// A private PostgreSQL server in the service's data directory: made at the first start, reached through a unix
/// socket that only its owner can open, shared by every service on the directory and stopped by the last of them.
///
/// Everything that blocks runs on a thread of its own.
final class EmbeddedPostgres: Sendable {
    /// How to reach the running server.
    struct Connection: Hashable, Sendable {
        let socketDirectory: String
        let port: Int
        let database: String
        let user: String

        /// libpq's keyword/value form; host is the socket directory.
        var conninfo: String {
            let escaped = socketDirectory.replacing("\\", with: "\\\\").replacing("'", with: "\\'")
            return "host='\(escaped)' port=\(port) dbname=\(database) user=\(user)"
        }
    }

    private struct State {
        /// Held shared for as long as this service uses the server.
        var users: FileLock?
    }

    private let dataDirectory: String
    private let search: ServerBinaries.Search
    private let logger: Logger
    private let state = Mutex(State())

    /// Everything is kept in `<dataDirectory>/postgres`; `binaryDirectory` is where `postgres` and `initdb` are, if
    /// not in Debian's place or on `PATH`.
    convenience init(dataDirectory: String, binaryDirectory: String? = nil, logger: Logger) {
        self.init(
            dataDirectory: dataDirectory,
            search: binaryDirectory.map { .directory($0) } ?? .usual, logger: logger)
    }

    init(dataDirectory: String, search: ServerBinaries.Search, logger: Logger) {
        self.dataDirectory = dataDirectory
        self.search = search
        self.logger = logger
    }

    /// Makes the cluster if there is none, starts the server or joins the running one, and returns once it accepts
    /// connections. Calling it again is fine, and brings back a server that died.
    func start() async throws(EmbeddedPostgresError) -> Connection {
        let result = await Self.onThread("postgres-start") { self.state.withLock { self.attemptStart(&$0) } }
        return try result.get()
    }

    /// Leaves the server; the last one out stops it. Safe to call twice, or without `start`.
    func stop() async {
        await Self.onThread("postgres-stop") {
            self.state.withLock { state in self.stop(&state) }
        }
    }

    private func attemptStart(_ state: inout State) -> Result<Connection, EmbeddedPostgresError> {
        do throws(EmbeddedPostgresError) {
            return .success(try start(&state))
        } catch {
            return .failure(error)
        }
    }

    private func start(_ state: inout State) throws(EmbeddedPostgresError) -> Connection {
        let account = try ServerAccount.current()
        let layout = try ClusterLayout.prepare(in: dataDirectory, account: account)
        let gate = try FileLock.take(layout.startLock, .exclusive, within: Limits.gate)
        defer { gate.release() }
        // Under the gate nobody stops the server between this and the end of the start.
        let users: FileLock
        if let held = state.users {
            users = held
        } else {
            users = try FileLock.take(layout.usersLock, .shared, within: Limits.gate)
        }
        let cluster = Cluster(layout: layout, account: account, search: search, logger: logger)
        do throws(EmbeddedPostgresError) {
            let connection = try cluster.ensureRunning()
            state.users = users
            return connection
        } catch {
            users.release()
            state.users = nil
            throw error
        }
    }

    private func stop(_ state: inout State) {
        guard let users = state.users else { return }
        state.users = nil
        defer { users.release() }
        do throws(EmbeddedPostgresError) {
            let account = try ServerAccount.current()
            let layout = try ClusterLayout.prepare(in: dataDirectory, account: account)
            let gate = try FileLock.take(layout.startLock, .exclusive, within: Limits.gate)
            defer { gate.release() }
            users.release()
            guard let last = try FileLock.attempt(layout.usersLock, .exclusive) else {
                logger.info("the embedded postgres stays up: another service uses it")
                return
            }
            defer { last.release() }
            Cluster(layout: layout, account: account, search: search, logger: logger).stop()
        } catch {
            logger.error("the embedded postgres could not be stopped", metadata: ["error": "\(error)"])
        }
    }

    /// Runs `body` on a new thread, off the cooperative pool.
    private static func onThread<Value: Sendable>(
        _ name: String, _ body: @escaping @Sendable () -> Value
    ) async -> Value {
        await withCheckedContinuation { continuation in
            let thread = Thread { continuation.resume(returning: body()) }
            thread.name = name
            thread.start()
        }
    }

    /// Every wait has an end.
    enum Limits {
        /// For another service on the directory to finish its start or stop: longer than both of theirs.
        static let gate = Duration.seconds(600)
        /// For `initdb`: half a second on a good disk.
        static let initdb = Duration.seconds(120)
        /// For the server to accept connections: replaying much WAL after a crash takes minutes.
        static let ready = Duration.seconds(300)
        /// For a fast shutdown (SIGINT), then again for an immediate one (SIGQUIT).
        static let shutdown = Duration.seconds(10)
        /// For the processes of a server that was killed to go away after SIGQUIT.
        static let leftovers = Duration.seconds(10)
        /// Between two looks at the server's files: a start takes about 50 ms.
        static let poll = Duration.milliseconds(5)
        /// How long an empty postmaster.pid is watched before it counts as the remnant of a crash: a live server
        /// fills it within a millisecond.
        static let emptyPidFile = Duration.milliseconds(500)
        /// The server's log is set aside at a start when it is larger.
        static let maxLogBytes = 10 << 20
        /// What an error quotes of a log.
        static let maxQuotedBytes = 2000
    }
}
