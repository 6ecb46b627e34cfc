import Foundation
import HTTPCore
import Logging
import Synchronization
import Testing

@testable import ScrapeService

/// How statements and connections end before their time, and what arrives in between.
extension PostgresConnectionTests {
    // MARK: Cancellation

    @Test func aCancelledTaskLeavesAShortStatementToItsEnd() async throws {
        var configuration = makeConfiguration()
        configuration.cancelGrace = .seconds(30)
        try await with(configuration) { connection in
            let task = Task { try await connection.run("select pg_sleep(1)") }
            try await waitUntilBusy(connection)
            task.cancel()
            try await task.value
            #expect(await connection.isUsable)
            #expect(try await number(connection, "select 1") == 1)
        }
    }

    @Test func aCancelledTaskGivesALongStatementAndItsConnectionUp() async throws {
        try await with { connection in
            let task = Task { try await connection.run("select pg_sleep(30)") }
            try await waitUntilBusy(connection)
            task.cancel()
            #expect(await failure { try await task.value }?.kind == .cancelled)
            #expect(await !connection.isUsable)
        }
    }

    @Test func closingTwiceIsFine() async throws {
        try await with { connection in
            await connection.close()
            await connection.close()
            #expect(await failure { try await connection.query("select 1") }?.kind == .closed)
        }
    }

    @Test func notificationsArriveWhileIdle() async throws {
        let heard = Mutex<[String]>([])
        try await with { connection in
            await connection.setNotificationHandler { channel in heard.withLock { $0.append(channel) } }
            try await connection.run("listen some_channel")
            try await TestPostgres.shared.administer { try await $0.run("notify some_channel") }
            for _ in 0..<200 where heard.withLock(\.isEmpty) {
                try await TestPostgres.loop.sleep(for: .milliseconds(10))
            }
            #expect(heard.withLock { $0 } == ["some_channel"])
        }
    }
}
