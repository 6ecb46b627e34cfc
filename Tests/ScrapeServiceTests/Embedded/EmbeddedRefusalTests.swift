import Foundation
import Glibc
import Logging
import Testing

@testable import ScrapeService

/// What the embedded server refuses, with an error that says what to do, and without touching what is there.
@Suite struct EmbeddedRefusalTests {
    @Test func `a missing server names the package to install`() async throws {
        try await withRoom { room in
            let service = EmbeddedPostgres(
                dataDirectory: room.path, search: .directory("/nowhere"), logger: Logger(label: "test"))
            let error = await #expect(throws: EmbeddedPostgresError.self) { try await service.start() }
            #expect(error?.description.contains("apt-get install postgresql") == true)
        }
    }

    @Test func `a cluster of another major version is left alone`() async throws {
        try await withRoom { room in
            try room.write("9\n", to: "postgres/cluster/PG_VERSION")
            let error = await #expect(throws: EmbeddedPostgresError.self) { try await room.make().start() }
            guard case .otherVersion(_, 9, let found) = error else {
                Issue.record("\(String(describing: error))")
                return
            }
            #expect(!found.isEmpty)
            #expect(OpenFile.text(room.path + "/postgres/cluster/PG_VERSION") == "9\n")
        }
    }

    @Test func `a directory that is no cluster is left alone`() async throws {
        try await withRoom { room in
            try room.write("mine", to: "postgres/cluster/diary")
            let path = room.path + "/postgres/cluster"
            await #expect(throws: EmbeddedPostgresError.notACluster(path: path)) {
                try await room.make().start()
            }
            #expect(OpenFile.text(path + "/diary") == "mine")
        }
    }

    @Test(.enabled(if: geteuid() == 0, "only root drops to another user"))
    func `a directory that the server's user may not enter is named`() async throws {
        try await withRoom { room in
            chmod(room.path, 0o700)
            await #expect(throws: EmbeddedPostgresError.inaccessible(path: room.path, user: "postgres")) {
                try await room.make().start()
            }
        }
    }

    @Test(.enabled(if: geteuid() == 0, "only root can give a directory away"))
    func `a socket directory of someone else is not used`() async throws {
        try await withRoom { room in
            let path = room.path + "/run"
            mkdir(path, 0o700)
            chown(path, 65534, 65534)
            let account = try ServerAccount.current()
            #expect(throws: EmbeddedPostgresError.self) { try account.makePrivateDirectory(path) }
            chown(path, account.uid, account.gid)
            chmod(path, 0o755)
            #expect(throws: EmbeddedPostgresError.self) { try account.makePrivateDirectory(path) }
            symlink("/tmp", room.path + "/link")
            #expect(throws: EmbeddedPostgresError.self) {
                try account.makePrivateDirectory(room.path + "/link")
            }
        }
    }

    @Test func `postmaster.pid is read line by line`() {
        let ready = PostmasterFile("4711\n/data\n1700000000\n5432\n/run/x\n\n  5432001  32769\nready   \n")
        #expect(ready?.pid == 4711)
        #expect(ready?.port == 5432)
        #expect(ready?.socketDirectory == "/run/x")
        #expect(ready?.status == .ready)
        #expect(PostmasterFile("4711\n")?.status == nil)
        for remnant in ["", "\n", "x", "-3\n", "0", "99999999999"] { #expect(PostmasterFile(remnant) == nil) }
    }

    @Test func `the connection string quotes the directory`() {
        let connection = EmbeddedPostgres.Connection(
            socketDirectory: "/a b'\\", port: 5432, database: "scrape", user: "postgres")
        #expect(connection.conninfo == "host='/a b\\'\\\\' port=5432 dbname=scrape user=postgres")
    }
}
