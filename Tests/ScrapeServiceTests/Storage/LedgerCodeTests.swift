import Foundation
import Testing

@testable import ScrapeService

/// `pages?code=`: the rows of one failure, of a job with many others.
@Suite struct LedgerCodeTests {
    /// A ledger of `count` failed pages, every thousandth with `timeout`, the others with `http_404`, and as many
    /// skipped ones as `cancelled`.
    private func fill(_ fixture: StoreFixture, count: Int) async throws -> JobLease {
        let lease = try await fixture.makeLease()
        _ = try await fixture.store.pool.query(
            """
            insert into page (bucket, job, shard, page_id, settled, kind, url, depth, status, attempts, error,
                items, epoch)
            select s.bucket, s.job, 0, n + 1, n, 'listing', 'http://site.test/' || n, 0,
                case when n <= $2 then 'failed' else 'skipped' end, 1,
                case when n > $2 then 'cancelled' when n % 1000 = 0 then 'timeout' else 'http_404' end, 0, 1
            from shard s, generate_series(1, $2 * 2) n where s.job = $1
            """, [.int(lease.key), .integer(count)])
        return lease
    }

    private func walk(_ lease: JobLease, _ fixture: StoreFixture, _ filter: LedgerFilter, limit: Int)
        async throws -> [LedgerEntry]
    {
        var entries: [LedgerEntry] = []
        var position = Position()
        while true {
            let slice = try await fixture.store.pages(of: lease.job, filter, after: position, limit: limit)
            entries += slice.elements
            position = slice.position
            if !slice.hasMore { return entries }
        }
    }

    @Test func theRowsOfACodeAreWalkedEachOnce() async throws {
        try await StoreFixture.with { fixture in
            let lease = try await fill(fixture, count: 5000)
            func count(_ code: String, _ status: PageStatus? = nil) async throws -> Int {
                let filter = LedgerFilter(status: status, code: code)
                let entries = try await walk(lease, fixture, filter, limit: 999)
                #expect(entries.allSatisfy { $0.error == code && $0.status == status ?? $0.status })
                #expect(Set(entries.map(\.url)).count == entries.count)
                return entries.count
            }
            #expect(try await count("timeout") == 5)
            #expect(try await count("http_404") == 4995)
            #expect(try await count("http_404", .failed) == 4995)
            #expect(try await count("cancelled") == 5000)
            #expect(try await count("cancelled", .skipped) == 5000)
            #expect(try await count("cancelled", .failed) == 0)
            #expect(try await count("http_500") == 0)
            // The one code that both kinds of page may have.
            _ = try await fixture.store.pool.query(
                "update page set error = 'internal_error' where settled in (7, 4000, 5001, 9000)")
            #expect(try await count("internal_error") == 4)
            #expect(try await count("internal_error", .skipped) == 2)
        }
    }

    @Test func aRareCodeAmongAHundredThousandIsFoundByItsIndex() async throws {
        try await StoreFixture.with { fixture in
            let lease = try await fill(fixture, count: 100_000)
            let filter = LedgerFilter(code: "timeout")
            let plan = try await fixture.store.pool.query(
                "explain (analyze, buffers, format text) " + LedgerQuery.text(for: filter),
                [
                    .date(try await bucket(lease, fixture)), .int(lease.key), .smallInt(0), .int(0),
                    .int(1001), .text(nil), .text("timeout"),
                ])
            let lines = try plan.rows.map { row in
                var row = row
                return try row.next(String.self)
            }
            let text = lines.joined(separator: "\n")
            #expect(text.contains("error_settled_idx") || text.contains("page_code"), "\(text)")
            #expect(!text.contains("Filter: (error"), "\(text)")
            #expect(!text.contains("Sort"), "\(text)")
            #expect(try await walk(lease, fixture, filter, limit: 1000).count == 100)
        }
    }

    private func bucket(_ lease: JobLease, _ fixture: StoreFixture) async throws -> Int32 {
        let result = try await fixture.store.pool.query(
            "select bucket from job where key = $1", [.int(lease.key)])
        var row = try #require(result.first)
        return try row.next(PostgresDay.self).days
    }
}
