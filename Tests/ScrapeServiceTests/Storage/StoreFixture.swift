import Foundation
import HTTPCore

@testable import ScrapeService

/// A store on a fresh, migrated database, with the calls that tests repeat.
struct StoreFixture {
    let store: PostgresStore
    let database: String

    static func make(maxConnections: Int = 4) async throws -> StoreFixture {
        let database = try await TestPostgres.shared.makeMigratedDatabase()
        return StoreFixture(store: makeStore(database, maxConnections: maxConnections), database: database)
    }

    static func makeStore(_ database: String, maxConnections: Int = 4) -> PostgresStore {
        var configuration = StorageConfiguration(databaseURL: database)
        configuration.maxConnections = maxConnections
        return PostgresStore(configuration, on: TestPostgres.loop, logger: TestPostgres.logger)
    }

    /// Runs `body` with a fixture whose connections are closed afterwards.
    static func with(
        maxConnections: Int = 4, _ body: (StoreFixture) async throws -> Void
    ) async throws {
        let fixture = try await make(maxConnections: maxConnections)
        do {
            try await body(fixture)
        } catch {
            await fixture.store.close()
            throw error
        }
        await fixture.store.close()
    }

    // MARK: Jobs

    /// URLs as they come: the tests write canonical ones.
    struct PlainURLs: URLParsing {
        func parse(_ text: String) -> WebURL? { WebURL(canonical: text) }
        func resolve(_ references: [String], against base: String) -> [WebURL?] { references.map(parse) }
    }

    static func makeJob(
        urls: [String] = ["http://site.test/1"], owner: String = "alice", name: String? = "motoren",
        key: NewJob.Idempotency? = nil, webhook: Webhook? = nil
    ) -> NewJob {
        let variable = URLTemplate.Variable(name: "u", values: .list(urls))
        let entry = StartEntry(
            template: URLTemplate(literals: ["", ""], variables: [variable]), kind: "listing")
        let spec = JobSpec(
            name: name, start: [entry], pages: [PageKind(name: "listing")], webhook: webhook)
        return NewJob(
            id: .make(), owner: owner, spec: spec,
            start: StartPages(entries: spec.start, urls: PlainURLs()), idempotency: key)
    }

    /// A job with `pages` start pages, accepted.
    @discardableResult
    func accept(pages: Int = 1, owner: String = "alice") async throws -> JobID {
        let job = Self.makeJob(urls: (0..<pages).map { "http://site.test/\($0)" }, owner: owner)
        _ = try await store.accept(job)
        return job.id
    }

    /// A replica with a heartbeat.
    func makeReplica(ttl: Duration = .seconds(30)) async throws -> ReplicaID {
        let replica = ReplicaID()
        _ = try await store.heartbeat(replica, ttl: ttl)
        return replica
    }

    /// Accepts a job and claims it.
    func makeLease(pages: Int = 1) async throws -> JobLease {
        try await accept(pages: pages)
        guard let lease = try await store.claim(for: makeReplica()) else { throw NothingClaimed() }
        return lease
    }

    struct NothingClaimed: Error {}

    // MARK: Rows

    /// The first column of the first row.
    func number(_ sql: String, _ arguments: PostgresArguments = []) async throws -> Int {
        let result = try await store.pool.query(sql, arguments)
        guard var row = result.first else { return -1 }
        return try row.next()
    }

    /// Returns once some session of this database waits for a lock. (Asked on a connection without a
    /// transaction: within one, the server shows the activity as it was at the first look.)
    func waitForLockWaiter() async throws {
        for _ in 0..<500 {
            let waiting = try await number(
                """
                select count(*) from pg_stat_activity
                where wait_event_type = 'Lock' and datname = current_database()
                """)
            if waiting > 0 { return }
            try await TestPostgres.loop.sleep(for: .milliseconds(10))
        }
        throw NothingClaimed()
    }

    /// What the rows say of a job, to be held against its counters.
    func countedRows(_ lease: JobLease) async throws -> JobCounters {
        let result = try await store.pool.query(
            """
            select (select count(*) from page where job = $1) + (select count(*) from queue where job = $1),
                (select count(*) from page where job = $1 and status = 'fetched'),
                (select count(*) from page where job = $1 and status = 'failed'),
                (select count(*) from page where job = $1 and status = 'skipped'),
                (select coalesce(sum(attempts - (status <> 'skipped')::int), 0)::bigint
                    from page where job = $1)
                    + (select coalesce(sum(attempt), 0)::bigint from queue where job = $1),
                (select count(*) from item where job = $1),
                (select coalesce(sum(bytes), 0)::bigint from page where job = $1),
                (select count(*) from page where job = $1 and status = 'fetched' and depth = 0)
            """, [.int(lease.key)])
        guard var row = result.first else { throw NothingClaimed() }
        return try JobCounters(&row)
    }
}

extension PageSettlement {
    static func fetched(
        _ page: QueuedPage, items: [String] = [], links: [String] = [], bytes: Int = 1000
    ) -> PageSettlement {
        PageSettlement(
            page: page,
            result: .fetched(
                PageYield(
                    items: items.map { ItemData(json: $0) },
                    links: links.map { DiscoveredPage(kind: "advert", url: WebURL(canonical: $0)) })),
            httpStatus: 200, bytes: bytes, seconds: 0.25)
    }

    static func failed(_ page: QueuedPage, _ code: FailureCode = .http(404)) -> PageSettlement {
        PageSettlement(
            page: page, result: .failed(code), httpStatus: 404, bytes: 10, seconds: 0.1, detail: "gone")
    }

    static func skipped(_ page: QueuedPage, _ reason: SkipReason = .maxPages) -> PageSettlement {
        PageSettlement(page: page, result: .skipped(reason))
    }

    static func retry(_ page: QueuedPage, after: Duration) -> PageSettlement {
        PageSettlement(page: page, result: .retry(.timeout, after: after))
    }
}

extension PostgresStore {
    /// Claims and keeps what was claimed before.
    func claim(for replica: ReplicaID) async throws -> JobLease? {
        let owned = try await pool.query(
            "select job, shard from shard where owner = $1", [.uuid(replica.uuid)])
        let held = try owned.rows.map { row in
            var row = row
            return ShardReference(key: try row.next(), shard: try row.next())
        }
        return try await claim(for: replica, holding: held)
    }

    func frontier(_ lease: JobLease, after pageID: Int64, limit: Int) async throws -> [QueuedPage] {
        try await frontier(lease, after: pageID, limit: limit, passingOver: []).pages
    }

    /// Decides the end, skips the rest, closes the shard. Whether the job is over now.
    func finish(_ lease: JobLease, _ end: JobEnd) async throws -> Bool {
        if end.reason != .finished {
            guard try await decide(lease, end) else { return false }
            while try await skipRest(lease, end.reason) == true {}
        }
        guard case .ended = try await close(lease) else { return false }
        return true
    }

    func cancel(_ id: JobID, owner: String?) async throws -> ActionAnswer {
        try await act(.cancel, on: id, owner: owner)
    }

    /// The ledger, by status only.
    func pages(
        of id: JobID, status: PageStatus?, after: Position, limit: Int
    ) async throws -> Slice<LedgerEntry> {
        try await pages(of: id, LedgerFilter(status: status), after: after, limit: limit)
    }
}
