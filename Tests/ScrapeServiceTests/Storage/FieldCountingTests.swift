import Foundation
import Testing

@testable import ScrapeService

/// Coverage and warnings as rows: exactly once over repeated batches, shards and retries.
@Suite struct FieldCountingTests {
    private static let price = FieldWarning(code: .typeMismatch, field: 1)

    /// A job whose listings have a required title and a price.
    private func makeLease(_ fixture: StoreFixture, pages: Int) async throws -> JobLease {
        var job = StoreFixture.makeJob(urls: (0..<pages).map { "http://site.test/\($0)" })
        let selector = Selector(language: .css, source: "p")
        job.spec.pages = [
            PageKind(
                name: "listing",
                fields: [
                    Field(name: "title", selector: selector, required: true),
                    Field(name: "price", selector: selector, type: .number),
                ]), PageKind(name: "advert", fields: [Field(name: "text", selector: selector)]),
        ]
        _ = try await fixture.store.accept(job)
        return try #require(try await fixture.store.claim(for: fixture.makeReplica()))
    }

    /// `unfilled`: one list an item.
    private func fetched(
        _ page: QueuedPage, _ unfilled: [[Int]], _ warnings: [FieldWarning: Int] = [:], links: [String] = []
    ) -> PageSettlement {
        var settlement = PageSettlement.fetched(page, items: unfilled.map { _ in "{}" }, links: links)
        if case .fetched(var yield) = settlement.result {
            yield.fields = FieldReport(unfilled: unfilled, warnings: warnings)
            settlement.result = .fetched(yield)
        }
        return settlement
    }

    private func coverage(_ fixture: StoreFixture, _ lease: JobLease) async throws -> [String: [Int]] {
        let snapshot = try #require(try await fixture.store.snapshot(of: lease.job, owner: nil))
        return Dictionary(
            uniqueKeysWithValues: snapshot.fields.map { ("\($0.kind).\($0.field)", [$0.filled, $0.items]) })
    }

    private func warnings(
        _ fixture: StoreFixture, _ lease: JobLease
    ) async throws -> Set<JobSnapshot.WarningCount> {
        Set(try #require(try await fixture.store.snapshot(of: lease.job, owner: nil)).allWarnings)
    }

    @Test func aBatchIsAddedToWhatIsThere() async throws {
        try await StoreFixture.with { fixture in
            let lease = try await makeLease(fixture, pages: 5)
            let pages = try await fixture.store.frontier(lease, after: 0, limit: 10)
            _ = try await fixture.store.settle(
                lease,
                [
                    fetched(pages[0], [[], [1], [0, 1]], [Self.price: 2], links: ["http://site.test/a"]),
                    fetched(pages[1], []), .failed(pages[2]), .skipped(pages[3]),
                ], gauges: JobGauges())
            #expect(
                try await coverage(fixture, lease) == ["listing.title": [2, 3], "listing.price": [1, 3]])
            #expect(
                try await warnings(fixture, lease) == [
                    .init(code: "type_mismatch", count: 2, kind: "listing", field: "price"),
                    .init(code: "required_missing", count: 1, kind: "listing", field: "title"),
                ])
            let found = try await fixture.store.frontier(lease, after: 5, limit: 10)
            _ = try await fixture.store.settle(
                lease, [fetched(pages[4], [[]], [Self.price: 1]), fetched(found[0], [[0]])],
                gauges: JobGauges())
            #expect(
                try await coverage(fixture, lease) == [
                    "listing.title": [3, 4], "listing.price": [2, 4], "advert.text": [0, 1],
                ])
            #expect(
                try await fixture.store.snapshot(of: lease.job, owner: nil)?.fields.map(\.field)
                    == ["text", "price", "title"], "the least covered first")
            #expect(
                try await warnings(fixture, lease) == [
                    .init(code: "type_mismatch", count: 3, kind: "listing", field: "price"),
                    .init(code: "required_missing", count: 1, kind: "listing", field: "title"),
                ])
        }
    }

    @Test func aBatchSentTwiceCountsOnce() async throws {
        try await StoreFixture.with { fixture in
            let lease = try await makeLease(fixture, pages: 2)
            let pages = try await fixture.store.frontier(lease, after: 0, limit: 10)
            let batch = pages.map { fetched($0, [[], [0]], [Self.price: 1]) }
            for _ in 0..<3 { _ = try await fixture.store.settle(lease, batch, gauges: JobGauges()) }
            #expect(try await coverage(fixture, lease)["listing.title"] == [2, 4])
            #expect(try await fixture.number("select sum(n)::bigint from warning_count") == 4)
        }
    }

    @Test func ofABatchThatWasPartlySettledBeforeTheRestCounts() async throws {
        try await StoreFixture.with { fixture in
            let lease = try await makeLease(fixture, pages: 4)
            let pages = try await fixture.store.frontier(lease, after: 0, limit: 10)
            let batch = [
                fetched(pages[0], [[0], [1]], [Self.price: 1]), fetched(pages[1], [[]], [Self.price: 5]),
                fetched(pages[2], [[0, 1]]), .failed(pages[3]),
            ]
            _ = try await fixture.store.settle(lease, [batch[0]], gauges: JobGauges())
            _ = try await fixture.store.settle(lease, [batch[2], batch[3]], gauges: JobGauges())
            _ = try await fixture.store.settle(lease, batch, gauges: JobGauges())
            #expect(
                try await coverage(fixture, lease) == ["listing.title": [2, 4], "listing.price": [2, 4]])
            #expect(
                try await warnings(fixture, lease) == [
                    .init(code: "type_mismatch", count: 6, kind: "listing", field: "price"),
                    .init(code: "required_missing", count: 2, kind: "listing", field: "title"),
                ])
            #expect(try await fixture.number("select pages from field_count") == 3)
        }
    }

    @Test func aLostLeaseCountsNothing() async throws {
        try await StoreFixture.with { fixture in
            let lease = try await makeLease(fixture, pages: 1)
            let pages = try await fixture.store.frontier(lease, after: 0, limit: 10)
            var stale = lease
            stale.epoch -= 1
            let outcome = try await fixture.store.settle(
                stale, [fetched(pages[0], [[]])], gauges: JobGauges())
            #expect(!outcome.leaseHeld)
            #expect(try await fixture.number("select count(*) from field_count") == 0)
        }
    }

    @Test func aStatusAddsTheShardsUp() async throws {
        try await StoreFixture.with { fixture in
            let giver = try await makeLease(fixture, pages: 100)
            _ = try #require(try await fixture.store.split(giver, after: 10, quota: 20))
            let taker = try #require(try await fixture.store.claim(for: fixture.makeReplica()))
            for (lease, unfilled) in [(giver, [0]), (taker, [1])] {
                let pages = try await fixture.store.frontier(lease, after: 0, limit: 1000)
                _ = try await fixture.store.settle(
                    lease, pages.map { fetched($0, [unfilled, []], [Self.price: 1]) }, gauges: JobGauges())
            }
            #expect(try await fixture.number("select count(*) from field_count") == 2)
            #expect(
                try await coverage(fixture, giver) == [
                    "listing.title": [145, 200], "listing.price": [155, 200],
                ])
            #expect(
                try await warnings(fixture, giver) == [
                    .init(code: "type_mismatch", count: 100, kind: "listing", field: "price"),
                    .init(code: "required_missing", count: 55, kind: "listing", field: "title"),
                ])
        }
    }

    @Test(arguments: [
        ([[]], "ok"), ([[1]], "ok"), ([[0]], "partial"), ([[], [0]], "partial"), ([], "empty"),
    ])
    func aMissingRequiredFieldMakesTheOutcomePartial(_ unfilled: [[Int]], _ outcome: String) async throws {
        try await StoreFixture.with { fixture in
            let lease = try await makeLease(fixture, pages: 1)
            let pages = try await fixture.store.frontier(lease, after: 0, limit: 10)
            _ = try await fixture.store.settle(lease, [fetched(pages[0], unfilled)], gauges: JobGauges())
            #expect(try await fixture.store.finish(lease, JobEnd(reason: .finished)))
            let snapshot = try #require(try await fixture.store.snapshot(of: lease.job, owner: nil))
            #expect(snapshot.outcome?.rawValue == outcome)
        }
    }

    @Test func whatHoldsForTheWholeJobIsToldWhenItIsOver() async throws {
        try await StoreFixture.with { fixture in
            let lease = try await makeLease(fixture, pages: 2)
            let pages = try await fixture.store.frontier(lease, after: 0, limit: 10)
            _ = try await fixture.store.settle(
                lease,
                [fetched(pages[0], [[1], [1]], links: ["http://site.test/a"]), fetched(pages[1], [[1]])],
                gauges: JobGauges())
            let found = try await fixture.store.frontier(lease, after: 2, limit: 10)
            _ = try await fixture.store.settle(lease, [fetched(found[0], [])], gauges: JobGauges())
            #expect(try await warnings(fixture, lease) == [])
            #expect(try await fixture.store.finish(lease, JobEnd(reason: .finished)))
            #expect(
                try await warnings(fixture, lease) == [
                    .init(code: "field_empty", count: 3, kind: "listing", field: "price"),
                    .init(code: "no_items", count: 1, kind: "advert", field: nil),
                ])
        }
    }

    @Test func pagesTriedAgainAddToTheCounts() async throws {
        try await StoreFixture.with { fixture in
            let lease = try await makeLease(fixture, pages: 2)
            let pages = try await fixture.store.frontier(lease, after: 0, limit: 10)
            _ = try await fixture.store.settle(
                lease, [fetched(pages[0], [[]]), .failed(pages[1])], gauges: JobGauges())
            #expect(try await fixture.store.finish(lease, JobEnd(reason: .finished)))
            guard case .accepted = try await fixture.store.act(.retryFailed, on: lease.job, owner: nil) else {
                Issue.record("not tried again")
                return
            }
            let again = try #require(try await fixture.store.claim(for: fixture.makeReplica()))
            let left = try await fixture.store.retries(again, limit: 10, passingOver: []).due
            let fresh = try await fixture.store.frontier(again, after: 0, limit: 10)
            let page = try #require((left + fresh).first)
            _ = try await fixture.store.settle(again, [fetched(page, [[0]])], gauges: JobGauges())
            #expect(
                try await coverage(fixture, lease) == ["listing.title": [1, 2], "listing.price": [2, 2]])
        }
    }

    @Test func aDeletedJobLeavesNoCounts() async throws {
        try await StoreFixture.with { fixture in
            let lease = try await makeLease(fixture, pages: 1)
            let pages = try await fixture.store.frontier(lease, after: 0, limit: 10)
            _ = try await fixture.store.settle(
                lease, [fetched(pages[0], [[0]], [Self.price: 1])], gauges: JobGauges())
            #expect(try await fixture.store.finish(lease, JobEnd(reason: .finished)))
            guard case .deleted = try await fixture.store.delete(lease.job, owner: nil) else {
                Issue.record("not deleted")
                return
            }
            #expect(try await fixture.number("select count(*) from field_count") == 0)
            #expect(try await fixture.number("select count(*) from warning_count") == 0)
        }
    }
}
