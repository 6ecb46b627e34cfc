import Foundation
import Glibc
import Logging

@testable import ScrapeService

/// A data directory for one test, and what a test asks of its server.
struct Room: Sendable {
    let path: String
    private let psql = "/usr/bin/psql"

    func make(below name: String? = nil) -> EmbeddedPostgres {
        EmbeddedPostgres(
            dataDirectory: name.map { path + "/" + $0 } ?? path,
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
    }

    /// The running server, by its file.
    var serverPid: Int32? {
        let file = OpenFile.text(path + "/postgres/cluster/postmaster.pid").flatMap(PostmasterFile.init)
        return file.flatMap {
            ProcessTable(directory: path + "/postgres/cluster").isPostmaster($0.pid) ? $0.pid : nil
        }
    }

    /// Titles of the cluster's processes.
    var processes: [String] {
        ProcessTable(directory: path + "/postgres/cluster").members().map {
            OpenFile.text("/proc/\($0)/cmdline") ?? ""
        }
    }

    func query(_ connection: EmbeddedPostgres.Connection, _ sql: String) throws -> String {
        let output = try ChildCommand([psql, "-XAtq", "-d", connection.conninfo, "-c", sql]).output(
            within: .seconds(30))
        return output.trimmingCharacters(in: .newlines)
    }

    func execute(_ connection: EmbeddedPostgres.Connection, _ sql: String) throws {
        _ = try query(connection, sql)
    }

    func spawnQuery(_ connection: EmbeddedPostgres.Connection, _ sql: String) throws -> Int32 {
        let null = try OpenFile.open("/dev/null", O_RDWR)
        return try ChildCommand([psql, "-XAtq", "-d", connection.conninfo, "-c", sql]).spawn(output: null)
    }

    func write(_ text: String, to name: String) throws {
        let file = URL(filePath: path + "/" + name)
        try FileManager.default.createDirectory(
            at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
        try Data(text.utf8).write(to: file)
        let account = try ServerAccount.current()
        chown(file.path, account.uid, account.gid)
    }

    /// Until `condition` holds; a test that would wait for ever fails instead.
    func wait(_ condition: @Sendable () -> Bool) async throws {
        let deadline = ContinuousClock.now + .seconds(20)
        while !condition() {
            if ContinuousClock.now > deadline { throw EmbeddedPostgresError.timedOut(waitingFor: "the test") }
            try await Task.sleep(for: .milliseconds(10))
        }
    }
}

/// Runs `body` with a fresh data directory, and afterwards ends a server that it left and removes all.
func withRoom(_ body: (Room) async throws -> Void) async throws {
    let path = "/tmp/scrape-room-\(UUID().uuidString.prefix(8))"
    try FileManager.default.createDirectory(
        atPath: path, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o755])
    let room = Room(path: path)
    defer {
        if let pid = room.serverPid {
            kill(pid, SIGQUIT)
            _ = ChildCommand.wait(for: pid, until: .now + .seconds(10))
        }
        try? FileManager.default.removeItem(atPath: path)
    }
    try await body(room)
}
