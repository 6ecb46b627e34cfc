import Foundation
import Testing

@testable import ScrapeService

@Suite struct MigratorTests {
    private func migrate(_ database: String, _ migrations: [Migration] = Migration.all) async throws -> [Int]
    {
        try await Migrator(configuration: StorageConfiguration(databaseURL: database), migrations: migrations)
            .migrate(on: TestPostgres.loop, logger: TestPostgres.logger)
    }

    private func withStore(
        _ database: String, _ body: (PostgresStore) async throws -> Void
    ) async throws {
        let store = StoreFixture.makeStore(database)
        do {
            try await body(store)
        } catch {
            await store.close()
            throw error
        }
        await store.close()
    }

    @Test func twentyStartsAtOnceMigrateOnce() async throws {
        let database = try await TestPostgres.shared.makeDatabase()
        let applied = try await withThrowingTaskGroup(of: [Int].self) { group in
            for _ in 0..<20 { group.addTask { try await self.migrate(database) } }
            return try await group.reduce(into: []) { $0 += $1 }
        }
        #expect(applied.sorted() == Migration.all.map(\.version))
        try await withStore(database) { store in
            try await store.checkReady()
            let result = try await store.query(
                "select version, sha256 from schema_migration order by 1")
            let rows = try result.rows.map { row in
                var row = row
                return (try row.next(Int.self), try row.next(String.self))
            }
            #expect(rows.map(\.0) == Migration.all.map(\.version))
            #expect(rows.map(\.1) == Migration.all.map(\.digest))
        }
    }

    @Test func migratingAgainDoesNothing() async throws {
        let database = try await TestPostgres.shared.makeMigratedDatabase()
        let applied = try await migrate(database)
        #expect(applied.isEmpty)
    }

    @Test func versionsCountFromOneWithoutGaps() {
        #expect(Migration.all.map(\.version) == Array(1...Migration.all.count))
    }

    @Test func aDatabaseOfANewerServiceIsRefused() async throws {
        let database = try await TestPostgres.shared.makeMigratedDatabase()
        let newest = Migration.latestVersion + 1
        _ = try await migrate(
            database, Migration.all + [Migration(version: newest, name: "x", sql: "select 1")])
        await #expect(throws: MigrationError.newerSchema(found: newest, known: Migration.latestVersion)) {
            try await migrate(database)
        }
        try await withStore(database) { store in
            await #expect(throws: StoreError.self) { try await store.checkReady() }
        }
    }

    @Test func aStepThatWasEditedIsRefused() async throws {
        let database = try await TestPostgres.shared.makeMigratedDatabase()
        var edited = Migration.all
        edited[0].sql += "\ncreate table b (x int)"
        await #expect(throws: MigrationError.changed(version: 1)) { try await migrate(database, edited) }
    }

    @Test func aStepThatFailsLeavesNothingOfItself() async throws {
        let database = try await TestPostgres.shared.makeDatabase()
        let steps = [
            Migration(version: 1, name: "good", sql: "create table a (x int)"),
            Migration(version: 2, name: "bad", sql: "create table b (x int); select 1 / 0"),
        ]
        await #expect(throws: MigrationError.failed(version: 2, "ERROR:  division by zero")) {
            try await migrate(database, steps)
        }
        try await withStore(database) { store in
            let tables = try await store.query(
                """
                select to_regclass('a')::text, to_regclass('b')::text,
                    (select max(version) from schema_migration)
                """)
            var row = try #require(tables.first)
            let first: String? = try row.nextOptional()
            let second: String? = try row.nextOptional()
            let version: Int = try row.next()
            #expect(first == "a")
            #expect(second == nil)
            #expect(version == 1)
        }
    }

    @Test func anEmptyDatabaseIsNotReady() async throws {
        let database = try await TestPostgres.shared.makeDatabase()
        try await withStore(database) { store in
            await #expect(throws: StoreError.self) { try await store.checkReady() }
        }
    }

    @Test func rowsGoToTheirDaysPartitionAndADayWithoutOneToTheDefault() async throws {
        try await StoreFixture.with { fixture in
            let lease = try await fixture.makeLease(pages: 1)
            let today = try await fixture.number(
                "select count(*) from only seen_default where job = \(lease.key)")
            #expect(today == 0)
            _ = try await fixture.store.pool.query(
                "insert into seen (bucket, job, hash) values ('2001-01-01', 1, gen_random_uuid())")
            let stray = try await fixture.number("select count(*) from seen_default")
            #expect(stray == 1)
            // A day whose rows lie in the default partition already is passed over, the others are made.
            let made = try await fixture.number("select ensure_partitions('2001-01-01', 2)::bigint")
            #expect(made == 5)
            let again = try await fixture.number("select ensure_partitions('2001-01-02', 1)::bigint")
            #expect(again == 0)
        }
    }
}
