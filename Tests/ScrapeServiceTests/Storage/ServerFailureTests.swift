import Foundation
import Glibc
import HTTPCore
import Synchronization
import Testing

@testable import ScrapeService

/// Each test has a server of its own, because it kills it.
@Suite(.serialized) struct ServerFailureTests {
    private func withServer(_ body: (TestPostgres, StoreFixture) async throws -> Void) async throws {
        let server = try TestPostgres()
        let database = try await server.makeMigratedDatabase()
        let store = StoreFixture.makeStore(database)
        do {
            try await body(server, StoreFixture(store: store, database: database))
        } catch {
            await store.close()
            server.remove()
            throw error
        }
        await store.close()
        server.remove()
    }

    @Test func aServerThatCrashesAndComesBackCostsNothingThatWasAnswered() async throws {
        try await withServer { server, fixture in
            let lease = try await fixture.makeLease(pages: 40)
            let pages = try await fixture.store.frontier(lease, after: 0, limit: 40)
            var last = SettleOutcome(leaseHeld: true, counters: JobCounters(), state: .running)
            for (index, page) in pages.enumerated() {
                if index == 20 {
                    server.crash()
                    try server.start()
                }
                // The pool reconnects within its acquire time-out; a batch may be repeated at will.
                last = try await fixture.store.settle(
                    lease, [.fetched(page, items: ["{}"], links: ["http://site.test/n\(index)"])],
                    gauges: JobGauges())
            }
            #expect(last.leaseHeld)
            #expect(
                last.counters.fetched == 40 && last.counters.items == 40 && last.counters.discovered == 80)
            let counted = try await fixture.countedRows(lease)
            #expect(counted == last.counters)
        }
    }

    @Test func aServerThatIsAwayIsUnavailableAndBackIsBack() async throws {
        try await withServer { server, fixture in
            let id = try await fixture.accept()
            server.crash()
            await #expect(throws: StoreError.self) { try await fixture.store.checkReady() }
            try server.start()
            try await fixture.store.checkReady()
            let snapshot = try await fixture.store.snapshot(of: id, owner: nil)
            #expect(snapshot != nil)
        }
    }

    @Test func aKilledBackendInAQueryHasNoSQLSTATEAndIsAConnectionLoss() async throws {
        try await withServer { server, _ in
            let connection = PostgresConnection(
                PostgresConfiguration(connectionString: server.connectionString()), on: TestPostgres.loop,
                logger: TestPostgres.logger)
            try await connection.open()
            let backend = try #require(await connection.backendID)
            let query = Task { try await connection.run("select pg_sleep(30)") }
            for _ in 0..<5000 where await connection.isUsable {
                try await TestPostgres.loop.sleep(for: .milliseconds(1))
            }
            kill(backend, SIGKILL)
            do {
                try await query.value
                Issue.record("answered")
            } catch let error as PostgresError {
                #expect(error.kind == .connectionLost && error.sqlState == nil, "\(error)")
            }
            await connection.close()
        }
    }

    @Test func theListenerHearsOfWorkAlsoAfterTheServerCameBack() async throws {
        try await withServer { server, fixture in
            let wakes = Atomic(0)
            let listener = WakeListener(
                StorageConfiguration(databaseURL: fixture.database), on: TestPostgres.loop,
                logger: TestPostgres.logger
            ) {
                wakes.add(1, ordering: .relaxed)
            }
            func waitForWake(after former: Int) async throws -> Int {
                for _ in 0..<1000 {
                    let now = wakes.load(ordering: .relaxed)
                    if now > former { return now }
                    try await TestPostgres.loop.sleep(for: .milliseconds(10))
                }
                Issue.record("no wake-up")
                return former
            }
            await listener.start()
            await listener.start()
            var heard = try await waitForWake(after: 0)
            try await fixture.accept()
            heard = try await waitForWake(after: heard)
            server.crash()
            try server.start()
            // Reconnected: wakes once for what it may have missed.
            heard = try await waitForWake(after: heard)
            let id = try await fixture.accept()
            heard = try await waitForWake(after: heard)
            _ = try await fixture.store.cancel(id, owner: nil)
            _ = try await waitForWake(after: heard)
            await listener.stop()
            await listener.stop()
        }
    }
}
