import Foundation
import Glibc
import Logging
import Testing

@testable import ScrapeService

/// The real server of the machine; as root it runs as user `postgres`.
@Suite(.serialized) struct EmbeddedPostgresTests {
    @Test
    func
        `the first start makes the cluster and database, the next keeps them, the last one out stops it`()
        async throws
    {
        try await withRoom { room in
            let first = room.make()
            let connection = try await first.start()
            #expect(try room.query(connection, "select current_database()") == "scrape")
            #expect(try room.query(connection, "show server_encoding") == "UTF8")
            #expect(try room.query(connection, "select lower('ÜBER')") == "über")
            #expect(try room.query(connection, "show fsync") == "on")
            #expect(try room.query(connection, "show wal_compression") == "lz4")
            #expect(try room.query(connection, "show listen_addresses") == "")
            try room.execute(connection, "create table kept as select 42 as answer")
            await first.stop()
            #expect(room.serverPid == nil)
            #expect(try await first.start() == connection)
            #expect(try room.query(connection, "select answer from kept") == "42")
            await first.stop()
            await first.stop()
            #expect(room.serverPid == nil)
        }
    }

    @Test func `services on one directory share a server, even started at once; the last one out stops it`()
        async throws
    {
        try await withRoom { room in
            let services = (0..<4).map { _ in room.make() }
            let connections = try await withThrowingTaskGroup(of: EmbeddedPostgres.Connection.self) { group in
                for service in services { group.addTask { try await service.start() } }
                return try await group.reduce(into: Set()) { $0.insert($1) }
            }
            #expect(connections.count == 1)
            let pid = try #require(room.serverPid)
            for service in services.dropLast() {
                await service.stop()
                #expect(room.serverPid == pid)
            }
            await services[3].stop()
            #expect(room.serverPid == nil)
        }
    }

    @Test func `the server outlives a killed service and is taken over by the next`() async throws {
        try await withRoom { room in
            // Dropped without a stop: its locks go as they go at kill -9.
            _ = try await room.make().start()
            let pid = try #require(room.serverPid)
            let next = room.make()
            _ = try await next.start()
            #expect(room.serverPid == pid)
            await next.stop()
            #expect(room.serverPid == nil)
        }
    }

    @Test(arguments: [SIGQUIT, SIGKILL])
    func `a server that died comes back with start, stale postmaster.pid or not`(signal: Int32) async throws {
        try await withRoom { room in
            let service = room.make()
            let connection = try await service.start()
            try room.execute(connection, "create table kept as select 7 as answer")
            let pid = try #require(room.serverPid)
            kill(pid, signal)
            try await room.wait { !ProcessTable.isRunning(pid) || ChildCommand.reap(pid) != nil }
            #expect(try room.query(try await service.start(), "select answer from kept") == "7")
            #expect(room.serverPid != pid)
            await service.stop()
        }
    }

    @Test func `a backend that outlived its server is ended before the next start`() async throws {
        try await withRoom { room in
            let service = room.make()
            let connection = try await service.start()
            let busy = try room.spawnQuery(
                connection, "do $$ declare i bigint := 0; begin loop i := i + 1; end loop; end $$")
            defer { _ = ChildCommand.wait(for: busy, until: .now + .seconds(5)) }
            try await room.wait { room.processes.contains { $0.contains(" postgres scrape ") } }
            let pid = try #require(room.serverPid)
            kill(pid, SIGKILL)
            try await room.wait { ChildCommand.reap(pid) != nil }
            #expect(try room.query(try await service.start(), "select 1") == "1")
            await service.stop()
            #expect(room.processes.isEmpty)
        }
    }

    @Test(arguments: ["", "garbage\n", "-5\n"])
    func `a postmaster.pid without a number is the remnant of a crash`(content: String) async throws {
        try await withRoom { room in
            let service = room.make()
            _ = try await service.start()
            await service.stop()
            try room.write(content, to: "postgres/cluster/postmaster.pid")
            #expect(try room.query(try await service.start(), "select 1") == "1")
            await service.stop()
        }
    }

    @Test func `a postmaster.pid whose number another process has is stale`() async throws {
        try await withRoom { room in
            let service = room.make()
            _ = try await service.start()
            await service.stop()
            // Of the same user as the server: that is whom it takes for a rival.
            let null = try OpenFile.open("/dev/null", O_RDWR)
            let other = try ChildCommand(try ServerAccount.current().command(["/usr/bin/sleep", "60"])).spawn(
                output: null)
            defer {
                kill(other, SIGKILL)
                _ = ChildCommand.wait(for: other, until: .now + .seconds(5))
            }
            try await room.wait { OpenFile.text("/proc/\(other)/comm") == "sleep\n" }
            try room.write(
                "\(other)\n\(room.path)/postgres/cluster\n1\n5432\n/nowhere\n\n1 2\nready\n",
                to: "postgres/cluster/postmaster.pid")
            #expect(try room.query(try await service.start(), "select 1") == "1")
            #expect(ProcessTable.isRunning(other))
            await service.stop()
        }
    }

    @Test func `a half-made cluster is made again`() async throws {
        try await withRoom { room in
            let service = room.make()
            try room.write("14\n", to: "postgres/cluster.tmp/base/PG_VERSION")
            let account = try ServerAccount.current()
            for name in ["cluster.tmp", "cluster.tmp/base"] {
                chown(room.path + "/postgres/" + name, account.uid, account.gid)
            }
            #expect(try room.query(try await service.start(), "select 1") == "1")
            await service.stop()
            #expect(!FileManager.default.fileExists(atPath: room.path + "/postgres/cluster.tmp"))
        }
    }

    @Test func `Ctrl-C at the terminal of the service does not reach the server`() async throws {
        try await withRoom { room in
            let service = room.make()
            _ = try await service.start()
            let pid = try #require(room.serverPid)
            #expect(getpgid(pid) == pid)
            #expect(getsid(pid) == pid)
            let account = try ServerAccount.current()
            var status = stat()
            #expect(stat("/proc/\(pid)", &status) == 0)
            #expect(status.st_uid == account.uid && status.st_uid != 0)
            await service.stop()
        }
    }

    @Test(arguments: ["d\(String(repeating: "eep", count: 40))", "with, comma and 'quote'"])
    func `a long or odd path gets a socket elsewhere, closed to others`(name: String) async throws {
        try await withRoom { room in
            let service = room.make(below: name)
            let connection = try await service.start()
            #expect(ClusterLayout.socketPath(in: connection.socketDirectory).utf8.count <= 107)
            #expect(!connection.socketDirectory.hasPrefix(room.path))
            var status = stat()
            #expect(stat(connection.socketDirectory, &status) == 0)
            #expect(status.st_mode & 0o777 == 0o700)
            #expect(try room.query(connection, "select 1") == "1")
            await service.stop()
            #expect(access(connection.socketDirectory, F_OK) != 0)
        }
    }

    @Test func `stop without start, and after a failed start, does nothing`() async throws {
        try await withRoom { room in
            await room.make().stop()
            let service = EmbeddedPostgres(
                dataDirectory: room.path, binaryDirectory: "/nowhere", logger: Logger(label: "test"))
            await #expect(throws: EmbeddedPostgresError.binariesMissing(searched: ["/nowhere"])) {
                try await service.start()
            }
            await service.stop()
        }
    }
}
