import Foundation
import Testing

@testable import ScrapeService

/// A connection as it is behind a pooler in transaction mode; here on the server itself, where one can see what its
/// session keeps.
@Suite struct PooledConnectionTests {
    private func with(_ body: (PostgresConnection) async throws -> Void) async throws {
        var storage = StorageConfiguration(databaseURL: TestPostgres.shared.connectionString())
        storage.directURL = storage.databaseURL
        storage.statementTimeout = .seconds(1)
        let connection = PostgresConnection(
            storage.connection, on: TestPostgres.loop, logger: TestPostgres.logger)
        try await connection.open()
        do {
            try await body(connection)
        } catch {
            await connection.close()
            throw error
        }
        await connection.close()
    }

    private func text(_ connection: PostgresConnection, _ sql: String) async throws -> String {
        let result = try await connection.query(sql)
        var row = try #require(result.first)
        return try row.next()
    }

    /// Asked in a way that brings no settings along.
    private func sessionKeeps(_ connection: PostgresConnection, _ name: String) async throws -> String {
        try await connection.run("begin")
        let value = try await text(connection, "select current_setting('\(name)')")
        try await connection.run("commit")
        return value
    }

    @Test func aStatementBringsItsSettingsAlongAndLeavesNone() async throws {
        try await with { connection in
            for (name, ours, theirs) in [
                ("enable_sort", "off", "on"), ("statement_timeout", "1s", "0"),
                ("plan_cache_mode", "force_custom_plan", "auto"),
            ] {
                let within = try await text(connection, "select current_setting('\(name)')")
                let kept = try await sessionKeeps(connection, name)
                #expect(within == ours && kept == theirs, "\(name)")
            }
        }
    }

    @Test func aTransactionBringsItsSettingsAlongAndLeavesNone() async throws {
        try await with { connection in
            let inside = try await connection.transaction { connection in
                let result = try await connection.query("select current_setting('enable_sort')")
                var row = try #require(result.first)
                return try row.next(String.self)
            }
            #expect(inside == "off")
            #expect(try await sessionKeeps(connection, "enable_sort") == "on")
        }
    }

    @Test func nothingIsPrepared() async throws {
        try await with { connection in
            for number in 0..<5 {
                _ = try await connection.query("select $1 + 1", [.int(number)])
            }
            #expect(try await text(connection, "select count(*)::text from pg_prepared_statements") == "0")
        }
    }

    @Test func aStatementThatFailsTellsWhyAndLeavesTheConnectionUsable() async throws {
        try await with { connection in
            do {
                _ = try await connection.query("select 1 / $1", [.int(0)])
                Issue.record("answered")
            } catch let error as PostgresError {
                #expect(error.sqlState == "22012")
            }
            #expect(await connection.isTransactionIdle)
            do {
                _ = try await connection.query("select from nowhere")
                Issue.record("answered")
            } catch let error as PostgresError {
                #expect(error.sqlState == "42P01")
            }
            #expect(try await text(connection, "select 'well'") == "well")
        }
    }

    @Test func theStatementTimeOutHoldsThoughTheSessionHasNone() async throws {
        try await with { connection in
            do {
                _ = try await connection.query("select pg_sleep(20)")
                Issue.record("answered")
            } catch let error as PostgresError {
                #expect(error.sqlState == "57014")
            }
            #expect(try await text(connection, "select 'well'") == "well")
        }
    }

    @Test func whatWritesCommitsAtOnce() async throws {
        try await with { connection in
            try await connection.run("create temporary table t (x int)")
            _ = try await connection.query("insert into t values ($1)", [.integer(7)])
            #expect(await connection.isTransactionIdle)
            try await connection.run("rollback")
            #expect(try await text(connection, "select x::text from t") == "7")
        }
    }

    @Test func aSessionThatEndsInAPipelineIsAConnectionLoss() async throws {
        try await with { connection in
            do {
                _ = try await connection.query("select pg_terminate_backend(pg_backend_pid()), pg_sleep(5)")
                Issue.record("answered")
            } catch let error as PostgresError {
                #expect(error.isConnectionLoss, "\(error)")
            }
            #expect(await !connection.isUsable)
        }
    }

    @Test func aStoreBehindAPoolerDoesItsWork() async throws {
        let database = try await TestPostgres.shared.makeMigratedDatabase()
        var storage = StorageConfiguration(databaseURL: database)
        storage.directURL = database
        let store = PostgresStore(storage, on: TestPostgres.loop, logger: TestPostgres.logger)
        let fixture = StoreFixture(store: store, database: database)
        let lease = try await fixture.makeLease(pages: 3)
        let pages = try await store.frontier(lease, after: 0, limit: 10)
        let outcome = try await store.settle(
            lease, pages.map { .fetched($0, items: ["{}"], links: ["http://site.test/n\($0.id)"]) },
            gauges: JobGauges())
        #expect(outcome.counters.fetched == 3 && outcome.counters.discovered == 6)
        #expect(try await fixture.countedRows(lease) == outcome.counters)
        await store.close()
    }
}
