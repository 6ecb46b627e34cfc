import Testing

@testable import ScrapeService

/// Batches that take longer than a statement may.
@Suite(.timeLimit(.minutes(2))) struct SettlingPiecesTests {
    /// A store whose statements end after 1 s, on a database where each page takes 0.15 s.
    private func with(_ body: (StoreFixture, PostgresStore) async throws -> Void) async throws {
        try await StoreFixture.with { fixture in
            for sql in [
                """
                create function slow() returns trigger language plpgsql as
                $$ begin perform pg_sleep(0.15); return new; end $$
                """, "create trigger slow before insert on page for each row execute function slow()",
            ] { _ = try await fixture.store.pool.query(sql) }
            var configuration = StorageConfiguration(databaseURL: fixture.database)
            configuration.statementTimeout = .seconds(1)
            let store = PostgresStore(configuration, on: TestPostgres.loop, logger: TestPostgres.logger)
            do {
                try await body(fixture, store)
            } catch {
                await store.close()
                throw error
            }
            await store.close()
        }
    }

    @Test func aBatchThatTakesTooLongIsSettledInPieces() async throws {
        try await with { fixture, store in
            let lease = try await fixture.makeLease(pages: 16)
            let pages = try await fixture.store.frontier(lease, after: 0, limit: 100)
            let batch = pages.map {
                PageSettlement.fetched($0, items: ["{}"], links: ["http://site.test/x\($0.id)"])
            }
            let outcome = try await store.settle(lease, batch, gauges: JobGauges())
            #expect(outcome.leaseHeld)
            #expect(outcome.counters.fetched == 16 && outcome.counters.items == 16)
            #expect(outcome.counters.discovered == 32)
            // Of the first piece: what it found is to be read as well.
            #expect(outcome.firstLink == 17)
            #expect(try await fixture.countedRows(lease) == outcome.counters)
        }
    }

    @Test func aLostLeaseEndsThePieces() async throws {
        try await with { fixture, store in
            var lease = try await fixture.makeLease(pages: 16)
            let pages = try await fixture.store.frontier(lease, after: 0, limit: 100)
            lease.epoch += 1
            let outcome = try await store.settle(lease, pages.map { .fetched($0) }, gauges: JobGauges())
            #expect(!outcome.leaseHeld)
            #expect(try await fixture.number("select count(*) from page") == 0)
        }
    }

    /// It waits for a better time: nothing is wrong with it.
    @Test func aPageThatTakesTooLongAloneIsNotRefused() async throws {
        try await with { fixture, store in
            _ = try await fixture.store.pool.query(
                "create or replace function slow() returns trigger language plpgsql as "
                    + "$$ begin perform pg_sleep(20); return new; end $$")
            let lease = try await fixture.makeLease(pages: 1)
            let pages = try await fixture.store.frontier(lease, after: 0, limit: 100)
            do {
                _ = try await store.settle(lease, [.fetched(pages[0])], gauges: JobGauges())
                Issue.record("settled")
            } catch StoreError.unavailable {}
        }
    }
}
