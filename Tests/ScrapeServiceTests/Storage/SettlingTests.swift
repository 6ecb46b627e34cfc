import Foundation
import Testing

@testable import ScrapeService

@Suite struct SettlingTests {
    @Test func aBatchWritesPagesItemsLinksAndCountersTogether() async throws {
        try await StoreFixture.with { fixture in
            let lease = try await fixture.makeLease(pages: 3)
            let pages = try await fixture.store.frontier(lease, after: 0, limit: 10)
            #expect(pages.map(\.id) == [1, 2, 3])
            #expect(pages.map(\.url.text) == (0..<3).map { "http://site.test/\($0)" })

            let outcome = try await fixture.store.settle(
                lease,
                [
                    .fetched(
                        pages[0], items: [#"{"b":1,"a":2}"#, #"{"b":3}"#],
                        links: ["http://site.test/x", "http://site.test/y", "http://site.test/x"]),
                    .failed(pages[1]),
                    .skipped(pages[2]),
                ], gauges: JobGauges(inFlight: 1, pagesPerSecond: 2, itemsPerSecond: 3))

            #expect(outcome.leaseHeld)
            #expect(outcome.state == .running)
            let expected = JobCounters(
                discovered: 5, fetched: 1, failed: 1, skipped: 1, retries: 0, items: 2, bytes: 1010,
                startFetched: 1)
            #expect(outcome.counters == expected)
            #expect(try await fixture.countedRows(lease) == expected)

            let found = try await fixture.store.frontier(lease, after: 0, limit: 10)
            #expect(found.map(\.id) == [4, 5])
            #expect(found.map(\.url.text) == ["http://site.test/x", "http://site.test/y"])
            #expect(found.map(\.depth) == [1, 1])
            #expect(found.map(\.kind) == ["advert", "advert"])

            let snapshot = try #require(try await fixture.store.snapshot(of: lease.job, owner: nil))
            #expect(snapshot.counters == expected)
            #expect(snapshot.gauges == JobGauges(inFlight: 1, pagesPerSecond: 2, itemsPerSecond: 3))
            #expect(snapshot.failures == [.init(code: "http_404", count: 1)])

            let items = try await fixture.store.items(of: lease.job, after: Position(), limit: 10)
            #expect(items.elements.map(\.seq) == [1, 2])
            #expect(items.elements.map(\.data.json) == [#"{"b":1,"a":2}"#, #"{"b":3}"#])
            #expect(items.elements.first?.url == "http://site.test/0")
            #expect(items.elements.first?.kind == "listing")
            #expect(!items.hasMore)
        }
    }

    @Test func aBatchSentTwiceChangesNothingTheSecondTime() async throws {
        try await StoreFixture.with { fixture in
            let lease = try await fixture.makeLease(pages: 3)
            let pages = try await fixture.store.frontier(lease, after: 0, limit: 10)
            let batch: [PageSettlement] = [
                .fetched(pages[0], items: ["{}"], links: ["http://site.test/x"]),
                .failed(pages[1], .timeout),
                .retry(pages[2], after: .seconds(100)),
            ]
            let first = try await fixture.store.settle(lease, batch, gauges: JobGauges())
            let version = try await fixture.store.snapshot(of: lease.job, owner: nil)?.version
            let second = try await fixture.store.settle(lease, batch, gauges: JobGauges())
            #expect(second.leaseHeld)
            #expect(second.counters == first.counters)
            #expect(first.counters.retries == 1)
            #expect(try await fixture.countedRows(lease) == first.counters)
            #expect(try await fixture.store.snapshot(of: lease.job, owner: nil)?.version == version)
        }
    }

    @Test func aBatchOfPagesThatWerePartlySettledBeforeWritesTheOthersOnly() async throws {
        try await StoreFixture.with { fixture in
            let lease = try await fixture.makeLease(pages: 3)
            let pages = try await fixture.store.frontier(lease, after: 0, limit: 10)
            let first = PageSettlement.fetched(pages[0], items: [#"{"n":1}"#], links: ["http://site.test/x"])
            let second = PageSettlement.fetched(
                pages[1], items: [#"{"n":2}"#, #"{"n":3}"#], links: ["http://site.test/y"])
            _ = try await fixture.store.settle(lease, [first], gauges: JobGauges())
            let outcome = try await fixture.store.settle(lease, [first, second], gauges: JobGauges())
            #expect(outcome.counters.items == 3)
            #expect(try await fixture.countedRows(lease) == outcome.counters)
            let items = try await fixture.store.items(of: lease.job, after: Position(), limit: 10)
            #expect(items.elements.map(\.seq) == [1, 2, 3])
            #expect(items.elements.map(\.data.json) == [#"{"n":1}"#, #"{"n":2}"#, #"{"n":3}"#])
        }
    }

    @Test func aStaleEpochWritesNothing() async throws {
        try await StoreFixture.with { fixture in
            var lease = try await fixture.makeLease(pages: 1)
            let pages = try await fixture.store.frontier(lease, after: 0, limit: 10)
            lease.epoch -= 1
            let outcome = try await fixture.store.settle(
                lease, [.fetched(pages[0], items: ["{}"], links: ["http://site.test/x"])], gauges: JobGauges()
            )
            #expect(!outcome.leaseHeld)
            #expect(try await fixture.countedRows(lease) == JobCounters(discovered: 1))
            let finished = try await fixture.store.finish(
                lease, JobEnd(reason: .internalError))
            #expect(!finished)
            #expect(try await fixture.countedRows(lease) == JobCounters(discovered: 1))
        }
    }

    @Test func aTakeoverInMidSettleLeavesTheFormerOwnerWithNothing() async throws {
        try await StoreFixture.with(maxConnections: 6) { fixture in
            let lease = try await fixture.makeLease(pages: 1)
            let page = try #require(try await fixture.store.frontier(lease, after: 0, limit: 1).first)
            // The rival holds the shard's lock with the next epoch while the old owner settles.
            let outcome = try await fixture.store.pool.withConnection { connection in
                try await connection.run("begin")
                _ = try await connection.query(
                    "update shard set epoch = epoch + 1 where job = $1", [.int(lease.key)])
                async let late = fixture.store.settle(
                    lease, [.fetched(page, items: ["{}"])], gauges: JobGauges())
                try await fixture.waitForLockWaiter()
                try await connection.run("commit")
                return try await late
            }
            #expect(!outcome.leaseHeld)
            #expect(try await fixture.countedRows(lease) == JobCounters(discovered: 1))
        }
    }

    @Test func aRetryWaitsForItsTimeAndKeepsItsPlace() async throws {
        try await StoreFixture.with { fixture in
            let lease = try await fixture.makeLease(pages: 3)
            let pages = try await fixture.store.frontier(lease, after: 0, limit: 10)
            _ = try await fixture.store.settle(
                lease, [.retry(pages[0], after: .seconds(50)), .retry(pages[1], after: .zero)],
                gauges: JobGauges())
            #expect(try await fixture.store.frontier(lease, after: 0, limit: 10).map(\.id) == [3])
            let window = try await fixture.store.retries(lease, limit: 10, passingOver: [])
            #expect(window.due.map(\.id) == [2])
            #expect(window.due.map(\.attempt) == [1])
            let wait = try #require(window.nextIn)
            #expect(wait > .seconds(40) && wait <= .seconds(50))
            let again = try #require(window.due.first)
            let outcome = try await fixture.store.settle(
                lease, [.failed(again, .timeout)], gauges: JobGauges())
            #expect(outcome.counters.retries == 2)
            let ledger = try await fixture.store.pages(
                of: lease.job, status: .failed, after: Position(), limit: 10)
            #expect(ledger.elements.map(\.attempts) == [2])
            #expect(try await fixture.countedRows(lease) == outcome.counters)
        }
    }

    @Test func anEmptyBatchPublishesTheGauges() async throws {
        try await StoreFixture.with { fixture in
            let lease = try await fixture.makeLease(pages: 9)
            let gauges = JobGauges(inFlight: 7, pagesPerSecond: 1.5, itemsPerSecond: 2.5)
            let outcome = try await fixture.store.settle(lease, [], gauges: gauges)
            #expect(outcome.counters == JobCounters(discovered: 9))
            let first = try #require(try await fixture.store.snapshot(of: lease.job, owner: nil))
            #expect(first.gauges == gauges)
            _ = try await fixture.store.settle(lease, [], gauges: gauges)
            #expect(try await fixture.store.snapshot(of: lease.job, owner: nil)?.version == first.version)
        }
    }

    @Test func aLinkFoundOnSeveralPagesOfABatchIsFetchedOnceAtItsSmallestDepth() async throws {
        try await StoreFixture.with { fixture in
            let lease = try await fixture.makeLease(pages: 1)
            let start = try await fixture.store.frontier(lease, after: 0, limit: 10)
            _ = try await fixture.store.settle(
                lease, [.fetched(start[0], links: ["http://site.test/a"])], gauges: JobGauges())
            let deep = try await fixture.store.frontier(lease, after: 0, limit: 10)
            _ = try await fixture.store.settle(
                lease, [.fetched(deep[0], links: ["http://site.test/b", "http://site.test/c"])],
                gauges: JobGauges())
            let pages = try await fixture.store.frontier(lease, after: 0, limit: 10)
            let outcome = try await fixture.store.settle(
                lease,
                [
                    .fetched(pages[0], links: ["http://site.test/d", "http://site.test/a"]),
                    .fetched(pages[1], links: ["http://site.test/d", "http://site.test/e"]),
                ], gauges: JobGauges())
            #expect(outcome.counters.discovered == 6)
            let left = try await fixture.store.frontier(lease, after: 0, limit: 10)
            #expect(left.map(\.url.text) == ["http://site.test/d", "http://site.test/e"])
            #expect(left.map(\.depth) == [3, 3])
        }
    }

    @Test func aBatchOfHundredsOfPagesAndThousandsOfRowsIsOneStatement() async throws {
        try await StoreFixture.with { fixture in
            let lease = try await fixture.makeLease(pages: 500)
            let pages = try await fixture.store.frontier(lease, after: 0, limit: 500)
            let batch = pages.map { page in
                PageSettlement.fetched(
                    page, items: (0..<10).map { #"{"page":\#(page.id),"n":\#($0)}"# },
                    links: (0..<20).map { "http://site.test/\(page.id)/\($0)" } + ["http://site.test/same"])
            }
            let outcome = try await fixture.store.settle(lease, batch, gauges: JobGauges())
            #expect(outcome.counters.items == 5000)
            #expect(outcome.counters.discovered == 500 + 10_001)
            #expect(try await fixture.countedRows(lease) == outcome.counters)
            let dense = try await fixture.number(
                "select count(distinct seq) from item where job = $1 and seq between 1 and 5000",
                [.int(lease.key)])
            #expect(dense == 5000)
        }
    }

    @Test func oddTextsComeBackAsTheyAreAndNULAsTheReplacementCharacter() async throws {
        try await StoreFixture.with { fixture in
            let lease = try await fixture.makeLease(pages: 2)
            let pages = try await fixture.store.frontier(lease, after: 0, limit: 10)
            let json = #"{"a":"\u0000 \ud800 é 👩‍👩‍👧 \u202e","b":"\\"}"#
            let odd = "http://site.test/a\0b?q=é👩‍👩‍👧\u{202E}'\"\\"
            var failed = PageSettlement.failed(pages[1])
            failed.detail = "x\0y'; drop table job; --"
            let outcome = try await fixture.store.settle(
                lease, [.fetched(pages[0], items: [json], links: [odd]), failed], gauges: JobGauges())
            #expect(outcome.counters.items == 1)
            let items = try await fixture.store.items(of: lease.job, after: Position(), limit: 10)
            #expect(items.elements.map(\.data.json) == [json])
            let found = try await fixture.store.frontier(lease, after: 0, limit: 10)
            #expect(found.map(\.url.text) == [odd.replacingOccurrences(of: "\0", with: "\u{FFFD}")])
            let details = try await fixture.number(
                "select count(*) from page where job = $1 and detail = $2",
                [.int(lease.key), .text("x\u{FFFD}y'; drop table job; --")])
            #expect(details == 1)
        }
    }
}
