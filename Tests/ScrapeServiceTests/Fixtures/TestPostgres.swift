import Foundation
import Glibc
import HTTPCore
import Logging
import Synchronization

@testable import ScrapeService

/// A throw-away Postgres: a cluster in a temporary directory, on a unix socket only, gone when the tests are.
///
/// `shared` serves every test that needs a database; a test that stops or kills its server starts one of its own.
final class TestPostgres: Sendable {
    /// One a test run, made at first use.
    static let shared: TestPostgres = {
        // try!: without a server no storage test can say anything.
        try! TestPostgres()
    }()

    /// The loop of tests that need one; never stopped, so nothing on it can outlive it.
    static let loop: EventLoop = {
        // try!: fails only where the machine has no descriptors or threads left.
        try! EventLoop(name: "test-postgres")
    }()

    static let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

    private static let binaries: String = {
        let root = "/usr/lib/postgresql"
        let versions = (try? FileManager.default.contentsOfDirectory(atPath: root)) ?? []
        let newest = versions.compactMap { Int($0) }.max() ?? 15
        return "\(root)/\(newest)/bin"
    }()

    let directory: String
    private let server = Mutex<Server?>(nil)
    private let lastDatabase = Atomic<Int>(0)

    /// The supervisor's pid and the pipe it reads: when this process ends, however it ends, the pipe breaks and the
    /// supervisor stops the server.
    private struct Server: ~Copyable {
        var process: Process
        var lifeline: Pipe
    }

    init() throws {
        var template = Array("/tmp/scrape-test-XXXXXX".utf8CString)
        guard let path = mkdtemp(&template) else { throw SystemFailure("mkdtemp") }
        directory = String(cString: path)
        if getuid() == 0, let postgres = getpwnam("postgres")?.pointee {
            chown(directory, postgres.pw_uid, postgres.pw_gid)
        }
        try Self.run(
            "\(Self.binaries)/initdb", "-D", "\(directory)/data", "-A", "trust", "-U", "postgres", "--no-sync",
            "--locale=C.UTF-8", "--encoding=UTF8", "--no-instructions")
        try start()
    }

    struct SystemFailure: Error {
        var text: String
        init(_ text: String) { self.text = text }
    }

    /// A fresh, empty database; returns its connection string.
    func makeDatabase() async throws -> String {
        let name = "test_\(lastDatabase.add(1, ordering: .relaxed).newValue)"
        try await administer { try await $0.run("create database \(name)") }
        return connectionString(database: name)
    }

    /// A fresh database with the service's schema.
    func makeMigratedDatabase() async throws -> String {
        let database = try await makeDatabase()
        try await Migrator(configuration: StorageConfiguration(databaseURL: database))
            .migrate(on: Self.loop, logger: Self.logger)
        return database
    }

    func connectionString(database: String = "postgres") -> String {
        "host=\(directory) port=5432 user=postgres dbname=\(database)"
    }

    /// The server's socket, for a relay in front of it.
    var socketPath: String { "\(directory)/.s.PGSQL.5432" }

    /// Runs `body` on a connection to the maintenance database.
    func administer(_ body: @Sendable (PostgresConnection) async throws -> Void) async throws {
        let connection = PostgresConnection(
            PostgresConfiguration(connectionString: connectionString()), on: Self.loop, logger: Self.logger)
        try await connection.open()
        do {
            try await body(connection)
        } catch {
            await connection.close()
            throw error
        }
        await connection.close()
    }

    // MARK: The server

    /// Starts the server and returns once it accepts connections.
    func start() throws {
        let process = Process()
        let lifeline = Pipe()
        process.executableURL = URL(fileURLWithPath: "/bin/sh")
        let options = "-c listen_addresses= -c unix_socket_directories=\(directory) -c max_connections=300 -c fsync=off"
        let postgres = Self.command("\(Self.binaries)/postgres").map { "'\($0)'" }.joined(separator: " ")
        // No `wait`: the shell inherits blocked signals from Swift's threads and would never hear of its child.
        let script = """
            \(postgres) -D '\(directory)/data' \(options) >>'\(directory)/log' 2>&1 </dev/null &
            echo $! >'\(directory)/pid'
            read -r end
            kill -QUIT $! 2>/dev/null
            n=0
            while [ -e '\(directory)/data/postmaster.pid' ] && [ $n -lt 250 ]; do sleep 0.02; n=$((n + 1)); done
            [ "$end" = keep ] || rm -rf '\(directory)'
            """
        process.arguments = ["-c", script]
        process.standardInput = lifeline
        process.standardOutput = FileHandle.nullDevice
        process.standardError = FileHandle.nullDevice
        try process.run()
        server.withLock { $0 = Server(process: process, lifeline: lifeline) }
        for _ in 0..<600 {
            if (try? Self.run("\(Self.binaries)/pg_isready", "-q", "-h", directory)) != nil { return }
            usleep(20_000)
        }
        throw SystemFailure("postgres did not start: see \(directory)/log")
    }

    /// The postmaster; setpriv replaces itself by it, so the pid of the command is the server's.
    var postmaster: Int32 {
        let text = (try? String(contentsOfFile: "\(directory)/pid", encoding: .utf8)) ?? ""
        return Int32(text.trimmingCharacters(in: .whitespacesAndNewlines)) ?? 0
    }

    /// Immediate shutdown, as if the power failed; `start()` recovers.
    func crash() {
        server.withLock { server in
            guard let running = server.take() else { return }
            running.lifeline.fileHandleForWriting.write(Data("keep\n".utf8))
            try? running.lifeline.fileHandleForWriting.close()
            running.process.waitUntilExit()
        }
    }

    /// Stops the server and removes its directory; for a test's own server, at the test's end.
    func remove() {
        server.withLock { server in
            guard let running = server.take() else { return }
            try? running.lifeline.fileHandleForWriting.close()
            running.process.waitUntilExit()
        }
        try? FileManager.default.removeItem(atPath: directory)
    }

    /// Postgres refuses to run as root.
    private static func command(_ words: String...) -> [String] { command(words) }

    private static func command(_ words: [String]) -> [String] {
        guard getuid() == 0 else { return words }
        return ["/usr/bin/setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups"] + words
    }

    private static func run(_ words: String...) throws {
        let command = command(words)
        let process = Process()
        process.executableURL = URL(fileURLWithPath: command[0])
        process.arguments = Array(command.dropFirst())
        process.standardOutput = FileHandle.nullDevice
        process.standardError = FileHandle.nullDevice
        process.currentDirectoryURL = URL(fileURLWithPath: "/tmp")
        try process.run()
        process.waitUntilExit()
        guard process.terminationStatus == 0 else { throw SystemFailure("\(words[0]): \(process.terminationStatus)") }
    }
}
