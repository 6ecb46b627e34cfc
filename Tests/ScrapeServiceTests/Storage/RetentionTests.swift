import Foundation
import HTTPCore
import Testing

@testable import ScrapeService

/// Jobs of days long past, as `update` makes them.
@Suite struct RetentionTests {
    private static let retainDays = 30

    private func with(_ body: (StoreFixture) async throws -> Void) async throws {
        let database = try await TestPostgres.shared.makeMigratedDatabase()
        let store = Self.makeStore(database)
        do {
            try await body(StoreFixture(store: store, database: database))
        } catch {
            await store.close()
            throw error
        }
        await store.close()
    }

    private static func makeStore(_ database: String) -> PostgresStore {
        var storage = StorageConfiguration(databaseURL: database)
        storage.maxConnections = 4
        storage.retainDays = retainDays
        return PostgresStore(storage, on: TestPostgres.loop, logger: TestPostgres.logger)
    }

    /// A job of two pages with an item each, over or not.
    private func makeJob(_ fixture: StoreFixture, isOver: Bool = true) async throws -> JobLease {
        let lease = try await fixture.makeLease(pages: 2)
        let pages = try await fixture.store.frontier(lease, after: 0, limit: 2)
        let settled = isOver ? pages : Array(pages.prefix(1))
        _ = try await fixture.store.settle(
            lease, settled.map { .fetched($0, items: [#"{"a": 1}"#]) }, gauges: JobGauges())
        if isOver {
            let end = JobEnd(reason: .finished)
            #expect(try await fixture.store.finish(lease, end))
        }
        return lease
    }

    /// Moves a job and all its rows to the day `age` days ago.
    private func backdate(
        _ fixture: StoreFixture, _ lease: JobLease, age: Int, partition: Bool = true
    ) async throws {
        if partition {
            _ = try await fixture.store.query(
                "select ensure_partitions((now() at time zone 'UTC')::date - $1, 1)", [.integer(age)])
        }
        for table in ["job", "shard", "item", "page", "seen"] {
            let key = table == "job" ? "key" : "job"
            _ = try await fixture.store.query(
                "update \(table) set bucket = (now() at time zone 'UTC')::date - $2 where \(key) = $1",
                [.int(lease.key), .integer(age)])
        }
        _ = try await fixture.store.query(
            """
            update job set created_at = created_at - make_interval(days => $2),
                started_at = started_at - make_interval(days => $2),
                finished_at = finished_at - make_interval(days => $2) where key = $1
            """, [.int(lease.key), .integer(age)])
    }

    private func rows(_ fixture: StoreFixture, of lease: JobLease) async throws -> Int {
        try await fixture.number(
            """
            select (select count(*) from item where job = $1) + (select count(*) from page where job = $1)
                + (select count(*) from seen where job = $1) + (select count(*) from shard where job = $1)
            """, [.int(lease.key)])
    }

    private func partitions(_ fixture: StoreFixture) async throws -> Int {
        try await fixture.number(
            "select count(*) from pg_inherits where inhparent in ('item'::regclass, 'page'::regclass, 'seen'::regclass)"
        )
    }

    @Test func aDayWhoseJobsAreAllOldGoesWithItsTablesAndLeavesARowAJob() async throws {
        try await with { fixture in
            let before = try await partitions(fixture)
            let old = try await makeJob(fixture)
            let young = try await makeJob(fixture)
            try await backdate(fixture, old, age: 40)
            for lease in [old, young] {
                _ = try await fixture.store.query(
                    "insert into webhook values ($1, 'http://h/', 'http://h', array['completed'], 'secret')",
                    [.int(lease.key)])
            }
            #expect(try await partitions(fixture) == before + 3)
            try await fixture.store.expireJobs()
            #expect(try await partitions(fixture) == before)
            #expect(try await rows(fixture, of: old) == 0)
            #expect(try await rows(fixture, of: young) == 7)
            let told = try await fixture.number("select sum(job)::bigint from webhook")
            #expect(told == Int(young.key), "the secret of an expired job is gone")
            #expect(try await fixture.store.snapshot(of: old.job, owner: nil) == nil)
            let left = try #require(try await fixture.store.expired(old.job, owner: "alice"))
            #expect(left.state == .completed && left.stopReason == .finished && left.outcome == .ok)
            #expect(abs(left.expiredAt.timeIntervalSinceNow) < 60)
            #expect(try await fixture.store.expired(old.job, owner: "bob") == nil)
            #expect(try await fixture.store.expired(young.job, owner: nil) == nil)
            #expect(try await fixture.store.expired(.make(), owner: nil) == nil)
            let listed = try await fixture.store.jobs(JobFilter(), owner: nil, after: nil, limit: 10)
            #expect(listed.map(\.id) == [young.job])
            let finished = try #require(listed.first?.finishedAt)
            #expect(listed.first?.expiresAt == finished.addingTimeInterval(30 * 86_400))
        }
    }

    @Test func aDayWaitsForItsLastJob() async throws {
        try await with { fixture in
            let old = try await makeJob(fixture)
            let running = try await makeJob(fixture, isOver: false)
            try await backdate(fixture, old, age: 40)
            try await backdate(fixture, running, age: 40)
            try await fixture.store.expireJobs()
            #expect(try await fixture.store.snapshot(of: old.job, owner: nil)?.state == .completed)
            #expect(try await rows(fixture, of: old) == 7)
            #expect(try await fixture.store.snapshot(of: running.job, owner: nil)?.expiresAt == nil)
            // It ends only now: its own time begins, and the day's with it.
            let pages = try await fixture.store.frontier(running, after: 0, limit: 2)
            _ = try await fixture.store.settle(running, pages.map { .fetched($0) }, gauges: JobGauges())
            let end = JobEnd(reason: .finished)
            #expect(try await fixture.store.finish(running, end))
            try await fixture.store.expireJobs()
            #expect(try await rows(fixture, of: old) == 7)
            _ = try await fixture.store.query("update job set finished_at = finished_at - interval '31 days'")
            try await fixture.store.expireJobs()
            #expect(try await rows(fixture, of: old) == 0)
            #expect(try await rows(fixture, of: running) == 0)
            #expect(try await fixture.store.expired(running.job, owner: nil) != nil)
        }
    }

    @Test func rowsInTheDefaultPartitionsGoToo() async throws {
        try await with { fixture in
            let old = try await makeJob(fixture)
            let kept = try await makeJob(fixture)
            try await backdate(fixture, old, age: 50, partition: false)
            try await backdate(fixture, kept, age: 20, partition: false)
            let stray = "select (select count(*) from item_default) + (select count(*) from page_default)"
            #expect(try await fixture.number(stray) == 8)
            try await fixture.store.expireJobs()
            #expect(try await fixture.number(stray) == 4)
            #expect(try await rows(fixture, of: old) == 0)
            #expect(try await rows(fixture, of: kept) == 7)
        }
    }

    @Test func aDayWithoutAnyJobLosesItsPartitions() async throws {
        try await with { fixture in
            let before = try await partitions(fixture)
            _ = try await fixture.store.query("select ensure_partitions('2020-02-28', 3)")
            try await fixture.store.expireJobs()
            #expect(try await partitions(fixture) == before)
        }
    }

    @Test func whatWasCutShortIsFinishedTheNextTime() async throws {
        try await with { fixture in
            let old = try await makeJob(fixture)
            try await backdate(fixture, old, age: 40)
            // A replica that died between hiding the jobs and dropping their tables.
            let hidden = try await fixture.number(
                "select expire_day((now() at time zone 'UTC')::date - 40, 30)")
            #expect(hidden == 1)
            #expect(try await fixture.number("select count(*) from item where job = \(old.key)") == 2)
            try await fixture.store.expireJobs()
            #expect(try await fixture.number("select count(*) from item where job = \(old.key)") == 0)
        }
    }

    @Test func anExpiredJobIsNotDeletedAgainAndItsKeyIsFree() async throws {
        try await with { fixture in
            let old = try await makeJob(fixture)
            try await backdate(fixture, old, age: 40)
            try await fixture.store.expireJobs()
            guard case .notFound = try await fixture.store.delete(old.job, owner: nil) else {
                Issue.record("deleted")
                return
            }
            guard case .notFound = try await fixture.store.cancel(old.job, owner: nil) else {
                Issue.record("cancelled")
                return
            }
            await fixture.store.maintain()
            #expect(try await fixture.store.expired(old.job, owner: nil) != nil)
        }
    }

    @Test func severalReplicasMayDoItAtOnceWhileJobsRun() async throws {
        try await with { fixture in
            var old: [JobLease] = []
            for age in 40..<46 {
                let lease = try await makeJob(fixture)
                try await backdate(fixture, lease, age: age)
                old.append(lease)
            }
            let running = try await fixture.makeLease(pages: 60)
            let pages = try await fixture.store.frontier(running, after: 0, limit: 60)
            let stores = (0..<4).map { _ in Self.makeStore(fixture.database) }
            try await withThrowingTaskGroup(of: Void.self) { group in
                for store in stores { group.addTask { try await store.expireJobs() } }
                for page in pages {
                    let began = ContinuousClock.now
                    _ = try await fixture.store.settle(
                        running, [.fetched(page, items: ["{}"])], gauges: JobGauges())
                    #expect(ContinuousClock.now - began < .seconds(5))
                }
                try await group.waitForAll()
            }
            for store in stores { await store.close() }
            try await fixture.store.expireJobs()
            for lease in old { #expect(try await rows(fixture, of: lease) == 0) }
            let counted = try await fixture.countedRows(running)
            #expect(counted.fetched == 60 && counted.items == 60)
        }
    }

    @Test func aReaderOfManyMinutesDelaysTheDroppingAndNobodyElse() async throws {
        try await with { fixture in
            let old = try await makeJob(fixture)
            try await backdate(fixture, old, age: 40)
            let running = try await fixture.makeLease(pages: 10)
            let pages = try await fixture.store.frontier(running, after: 0, limit: 10)
            let reader = PostgresConnection(
                PostgresConfiguration(connectionString: fixture.database), on: TestPostgres.loop,
                logger: TestPostgres.logger)
            try await reader.open()
            try await reader.run("begin; select count(*) from page")
            let dropping = Task { try await fixture.store.expireJobs() }
            for page in pages {
                let began = ContinuousClock.now
                _ = try await fixture.store.settle(running, [.fetched(page)], gauges: JobGauges())
                #expect(ContinuousClock.now - began < .seconds(2))
                try await TestPostgres.loop.sleep(for: .milliseconds(100))
            }
            await #expect(throws: StoreError.self) { try await dropping.value }
            #expect(try await fixture.number("select count(*) from page where job = \(old.key)") == 2)
            #expect(try await fixture.store.expired(old.job, owner: nil) != nil)
            try await reader.run("commit")
            await reader.close()
            try await fixture.store.expireJobs()
            #expect(try await fixture.number("select count(*) from page where job = \(old.key)") == 0)
        }
    }

    @Test func withoutALimitNothingExpires() async throws {
        try await StoreFixture.with { fixture in
            let old = try await makeJob(fixture)
            try await backdate(fixture, old, age: 4000)
            await fixture.store.maintain()
            let snapshot = try await fixture.store.snapshot(of: old.job, owner: nil)
            #expect(snapshot != nil && snapshot?.expiresAt == nil)
            #expect(try await rows(fixture, of: old) == 7)
        }
    }
}
