import Foundation
import HTTPCore
import Synchronization
import Testing

@testable import ScrapeService

@Suite struct ReadingTests {
    @Test func walkingTheItemsWhileTheyArriveYieldsEachOnce() async throws {
        try await StoreFixture.with(maxConnections: 6) { fixture in
            let lease = try await fixture.makeLease(pages: 200)
            let isDone = Atomic(false)
            async let walked = {
                var position = Position()
                var seen: [Int64] = []
                while true {
                    let wasDone = isDone.load(ordering: .acquiring)
                    let slice = try await fixture.store.items(of: lease.job, after: position, limit: 7)
                    seen += slice.elements.map(\.seq)
                    position = slice.position
                    if slice.elements.isEmpty && wasDone { return seen }
                }
            }()
            let pages = try await fixture.store.frontier(lease, after: 0, limit: 200)
            for start in stride(from: 0, to: 200, by: 5) {
                let batch = pages[start..<start + 5].map { page in
                    PageSettlement.fetched(page, items: (0..<3).map { #"{"p":\#(page.id),"n":\#($0)}"# })
                }
                _ = try await fixture.store.settle(lease, batch, gauges: JobGauges())
            }
            isDone.store(true, ordering: .releasing)
            let seen = try await walked
            #expect(seen == Array(1...600))
        }
    }

    @Test func walkingOneStatusOfTheLedgerMissesNothingWhilePagesSettle() async throws {
        try await StoreFixture.with { fixture in
            let lease = try await fixture.makeLease(pages: 30)
            let pages = try await fixture.store.frontier(lease, after: 0, limit: 30)
            var position = Position()
            var urls: [String] = []
            // Settled from the last to the first: against the order of discovery.
            for page in pages.reversed() {
                _ = try await fixture.store.settle(
                    lease, [page.id % 2 == 0 ? .failed(page) : .fetched(page)], gauges: JobGauges())
                let slice = try await fixture.store.pages(
                    of: lease.job, status: .failed, after: position, limit: 10)
                urls += slice.elements.map(\.url)
                position = slice.position
            }
            let expected = pages.reversed().filter { $0.id % 2 == 0 }.map(\.url.text)
            #expect(urls == expected)
        }
    }

    @Test func theLedgerHasEveryPageOnceInTheOrderOfDiscovery() async throws {
        try await StoreFixture.with { fixture in
            let lease = try await fixture.makeLease(pages: 10)
            let pages = try await fixture.store.frontier(lease, after: 0, limit: 10)
            _ = try await fixture.store.settle(
                lease,
                [
                    .fetched(pages[4], items: ["{}"]), .failed(pages[1]), .skipped(pages[2], .robots),
                    .retry(pages[0], after: .seconds(60)),
                ], gauges: JobGauges())
            var position = Position()
            var entries: [LedgerEntry] = []
            var hasMore = true
            while hasMore {
                let slice = try await fixture.store.pages(
                    of: lease.job, status: nil, after: position, limit: 3)
                entries += slice.elements
                position = slice.position
                hasMore = slice.hasMore
            }
            #expect(entries.map(\.url) == pages.map(\.url.text))
            #expect(
                entries.map(\.status).prefix(6) == [.queued, .failed, .skipped, .queued, .fetched, .queued])
            #expect(entries.map(\.attempts).prefix(5) == [1, 1, 0, 0, 1])
            #expect(
                entries[1].error == "http_404" && entries[1].httpStatus == 404 && entries[1].fetchedAt != nil)
            #expect(entries[2].error == "robots" && entries[2].fetchedAt == nil)
            #expect(entries[4].bytes == 1000 && entries[4].seconds == 0.25 && entries[4].kind == "listing")
            let queued = try await fixture.store.pages(
                of: lease.job, status: .queued, after: Position(), limit: 100)
            #expect(queued.elements.count == 7 && !queued.hasMore)
        }
    }

    @Test func failuresAreCountedByCodeMostFrequentFirst() async throws {
        try await StoreFixture.with { fixture in
            let lease = try await fixture.makeLease(pages: 6)
            let pages = try await fixture.store.frontier(lease, after: 0, limit: 6)
            let codes: [FailureCode] = [.timeout, .http(404), .http(404), .tooLarge, .http(404), .timeout]
            for (page, code) in zip(pages, codes) {
                _ = try await fixture.store.settle(lease, [.failed(page, code)], gauges: JobGauges())
            }
            let failures = try await fixture.store.snapshot(of: lease.job, owner: nil)?.failures
            #expect(
                failures == [
                    .init(code: "http_404", count: 3), .init(code: "timeout", count: 2),
                    .init(code: "too_large", count: 1),
                ])
        }
    }

    @Test func pagesThatRobotsForbadeAreCountedOnceHoweverOftenTheBatchIsSent() async throws {
        try await StoreFixture.with { fixture in
            let lease = try await fixture.makeLease(pages: 7)
            let pages = try await fixture.store.frontier(lease, after: 0, limit: 7)
            let before = try await fixture.store.snapshot(of: lease.job, owner: nil)
            #expect(before?.warnings == [])
            let first = pages.prefix(3).map { PageSettlement.skipped($0, .robots) }
            for _ in 0..<2 { _ = try await fixture.store.settle(lease, first, gauges: JobGauges()) }
            let second: [PageSettlement] = [
                .skipped(pages[3], .robots), .skipped(pages[4], .maxDepth), .failed(pages[5]),
                .fetched(pages[6]),
            ]
            _ = try await fixture.store.settle(lease, second, gauges: JobGauges())
            let snapshot = try await fixture.store.snapshot(of: lease.job, owner: nil)
            #expect(snapshot?.warnings == [.init(code: "robots", count: 4)])
            #expect(snapshot?.counters.skipped == 5)
            #expect(snapshot?.failures == [.init(code: "http_404", count: 1)])
        }
    }

    @Test func anUnknownJobHasNoItemsAndNoPages() async throws {
        try await StoreFixture.with { fixture in
            let items = try await fixture.store.items(of: .make(), after: Position(), limit: 10)
            #expect(items.elements.isEmpty && !items.hasMore)
            let pages = try await fixture.store.pages(of: .make(), status: nil, after: Position(), limit: 10)
            #expect(pages.elements.isEmpty && !pages.hasMore)
            let snapshot = try await fixture.store.snapshot(of: .make(), owner: nil)
            #expect(snapshot == nil)
        }
    }

    @Test func theViewsShowJobsItemsAndPages() async throws {
        try await StoreFixture.with { fixture in
            let lease = try await fixture.makeLease(pages: 2)
            let pages = try await fixture.store.frontier(lease, after: 0, limit: 2)
            _ = try await fixture.store.settle(
                lease, [.fetched(pages[0], items: [#"{"text":"hallo"}"#])], gauges: JobGauges())
            let job = PostgresArguments([.uuid(lease.job.uuid)])
            let items = try await fixture.number(
                """
                select count(*) from scrape_item
                where job = $1 and data ->> 'text' = 'hallo'
                    and url = 'http://site.test/0' and page = 'listing'
                """, job)
            #expect(items == 1)
            let queued = try await fixture.number(
                "select count(*) from scrape_page where job = $1 and status = 'queued'", job)
            #expect(queued == 1)
            let remaining = try await fixture.number(
                "select remaining from scrape_job where job = $1 and status = 'running'", job)
            #expect(remaining == 1)
        }
    }

    /// Also when the planner knows nothing of the tables yet.
    @Test func itemsAndTheirPagesAreReadByTheirKeys() async throws {
        try await StoreFixture.with { fixture in
            let lease = try await fixture.makeLease(pages: 500)
            let pages = try await fixture.store.frontier(lease, after: 0, limit: 500)
            _ = try await fixture.store.settle(
                lease, pages.map { .fetched($0, items: ["{}"]) }, gauges: JobGauges())
            var sql = ItemQuery.text
            let values = ["current_date", "\(lease.key)", "0::smallint", "100", "50"]
            for (index, value) in values.enumerated() {
                sql = sql.replacingOccurrences(of: "$\(index + 1)", with: value)
            }
            let plan = try await fixture.store.pool.query("explain \(sql)")
            let text = try plan.rows.map { row in
                var row = row
                return try row.next(String.self)
            }.joined(separator: "\n")
            #expect(text.contains("pkey") && !text.contains("status_settled"), "\(text)")
            #expect(!text.contains("->  Sort") && !text.contains("Seq Scan"), "\(text)")
        }
    }
}
