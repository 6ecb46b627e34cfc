import Foundation
import Testing

@testable import ScrapeService

@Suite struct JobControlTests {
    private let completed = JobEnd(reason: .finished)

    @Test func aJobEndsWhenItsFrontierIsEmpty() async throws {
        try await StoreFixture.with { fixture in
            let lease = try await fixture.makeLease(pages: 1)
            #expect(try await fixture.store.finish(lease, completed) == false)
            let page = try #require(try await fixture.store.frontier(lease, after: 0, limit: 1).first)
            _ = try await fixture.store.settle(lease, [.fetched(page)], gauges: JobGauges(inFlight: 1))
            #expect(try await fixture.store.finish(lease, completed))
            guard case .lost = try await fixture.store.close(lease) else {
                Issue.record("a lease outlived its job")
                return
            }
            let snapshot = try #require(try await fixture.store.snapshot(of: lease.job, owner: nil))
            #expect(snapshot.state == .completed)
            #expect(snapshot.stopReason == .finished)
            #expect(snapshot.outcome == .empty)
            #expect(snapshot.finishedAt != nil)
            #expect(snapshot.gauges == JobGauges())
            #expect(try await fixture.store.claim(for: fixture.makeReplica()) == nil)
        }
    }

    @Test func whatIsLeftOfTheFrontierIsSkippedInChunks() async throws {
        try await StoreFixture.with { fixture in
            let lease = try await fixture.makeLease(pages: 20_001)
            let pages = try await fixture.store.frontier(lease, after: 0, limit: 2)
            _ = try await fixture.store.settle(
                lease, [.fetched(pages[0]), .retry(pages[1], after: .seconds(9))], gauges: JobGauges())
            let end = JobEnd(reason: .maxPages)
            #expect(try await fixture.store.finish(lease, end))
            let counters = try #require(try await fixture.store.snapshot(of: lease.job, owner: nil)).counters
            #expect(counters.skipped == 20_000)
            #expect(counters.remaining == 0)
            #expect(try await fixture.countedRows(lease) == counters)
            let skipped = try await fixture.store.pages(
                of: lease.job, status: .skipped, after: Position(), limit: 2)
            #expect(skipped.elements.map(\.error) == ["max_pages", "max_pages"])
            #expect(skipped.elements.map(\.attempts) == [1, 0])
            #expect(skipped.elements.allSatisfy { $0.fetchedAt == nil && $0.bytes == nil })
            #expect(skipped.hasMore)
        }
    }

    @Test func cancellingIsSeenAtOnceAndMayBeRepeated() async throws {
        try await StoreFixture.with { fixture in
            let lease = try await fixture.makeLease(pages: 2)
            for _ in 0..<2 {
                guard case .accepted(let snapshot) = try await fixture.store.cancel(lease.job, owner: "alice")
                else {
                    Issue.record("not accepted")
                    return
                }
                #expect(snapshot.state == .cancelling)
            }
            #expect(try await fixture.store.settle(lease, [], gauges: JobGauges()).state == .cancelling)
            let end = JobEnd(reason: .cancelled)
            #expect(try await fixture.store.finish(lease, end))
            guard case .accepted(let snapshot) = try await fixture.store.cancel(lease.job, owner: nil) else {
                Issue.record("not accepted")
                return
            }
            #expect(snapshot.state == .cancelled)
            #expect(snapshot.counters.skipped == 2)
        }
    }

    @Test func aJobCancelledBeforeItsStartIsClaimedToBeEnded() async throws {
        try await StoreFixture.with { fixture in
            let id = try await fixture.accept(pages: 2)
            _ = try await fixture.store.cancel(id, owner: nil)
            let lease = try #require(try await fixture.store.claim(for: fixture.makeReplica()))
            #expect(lease.state == .cancelling)
            let end = JobEnd(reason: .cancelled)
            #expect(try await fixture.store.finish(lease, end))
            #expect(try await fixture.store.snapshot(of: id, owner: nil)?.startedAt == nil)
        }
    }

    @Test func aJobThatEndsWhileItIsCancelledIsCancelled() async throws {
        try await StoreFixture.with { fixture in
            let lease = try await fixture.makeLease(pages: 1)
            let page = try #require(try await fixture.store.frontier(lease, after: 0, limit: 1).first)
            _ = try await fixture.store.settle(lease, [.fetched(page)], gauges: JobGauges())
            _ = try await fixture.store.cancel(lease.job, owner: nil)
            #expect(try await fixture.store.finish(lease, completed))
            let snapshot = try #require(try await fixture.store.snapshot(of: lease.job, owner: nil))
            #expect(
                snapshot.state == .cancelled && snapshot.stopReason == .cancelled && snapshot.outcome == nil)
        }
    }

    @Test func aFinishedJobCannotBeCancelled() async throws {
        try await StoreFixture.with { fixture in
            let lease = try await fixture.makeLease(pages: 1)
            let end = JobEnd(reason: .internalError, error: "x")
            #expect(try await fixture.store.finish(lease, end))
            guard case .forbidden(let snapshot) = try await fixture.store.cancel(lease.job, owner: nil) else {
                Issue.record("not forbidden")
                return
            }
            #expect(snapshot.state == .failed)
        }
    }

    @Test func deletingTakesEverythingAndOnlyOfAFinishedJob() async throws {
        try await StoreFixture.with { fixture in
            let other = try await fixture.makeLease(pages: 1)
            let otherPage = try #require(try await fixture.store.frontier(other, after: 0, limit: 1).first)
            _ = try await fixture.store.settle(
                other, [.fetched(otherPage, items: ["{}"])], gauges: JobGauges())

            let lease = try await fixture.makeLease(pages: 25_000)
            let page = try #require(try await fixture.store.frontier(lease, after: 0, limit: 1).first)
            _ = try await fixture.store.settle(
                lease, [.fetched(page, items: ["{}", "{}"])], gauges: JobGauges())
            guard case .notTerminal = try await fixture.store.delete(lease.job, owner: nil) else {
                Issue.record("a running job was deleted")
                return
            }
            _ = try await fixture.store.finish(
                lease, JobEnd(reason: .maxPages))
            guard case .deleted = try await fixture.store.delete(lease.job, owner: "alice") else {
                Issue.record("not deleted")
                return
            }
            for table in ["job", "shard", "queue", "seen", "page", "item", "failure_count"] {
                let column = table == "job" ? "key" : "job"
                let left = try await fixture.number(
                    "select count(*) from \(table) where \(column) = $1", [.int(lease.key)])
                #expect(left == 0, "\(table)")
            }
            #expect(
                try await fixture.number("select count(*) from item where job = $1", [.int(other.key)]) == 1)
            guard case .notFound = try await fixture.store.delete(lease.job, owner: "alice") else {
                Issue.record("found again")
                return
            }
        }
    }

    @Test func aDeletionThatWasCutShortIsHiddenAndCanBeRepeated() async throws {
        try await StoreFixture.with { fixture in
            let lease = try await fixture.makeLease(pages: 3)
            _ = try await fixture.store.finish(
                lease, JobEnd(reason: .maxPages))
            _ = try await fixture.store.pool.query("update job set deleted_at = clock_timestamp()")
            _ = try await fixture.store.pool.query("delete from page where page_id = 2")
            #expect(try await fixture.store.snapshot(of: lease.job, owner: nil) == nil)
            #expect(try await fixture.store.jobs(JobFilter(), owner: nil, after: nil, limit: 10).isEmpty)
            guard case .deleted = try await fixture.store.delete(lease.job, owner: nil) else {
                Issue.record("not deleted")
                return
            }
            #expect(try await fixture.number("select count(*) from page") == 0)
            #expect(try await fixture.number("select count(*) from job") == 0)
        }
    }

    @Test func everyVisibleChangeGrowsTheVersion() async throws {
        try await StoreFixture.with { fixture in
            let id = try await fixture.accept(pages: 2)
            var versions = [try #require(try await fixture.store.snapshot(of: id, owner: nil)).version]
            func note() async throws {
                versions.append(try #require(try await fixture.store.snapshot(of: id, owner: nil)).version)
            }
            let lease = try #require(try await fixture.store.claim(for: fixture.makeReplica()))
            try await note()
            let page = try #require(try await fixture.store.frontier(lease, after: 0, limit: 1).first)
            _ = try await fixture.store.settle(lease, [.fetched(page)], gauges: JobGauges())
            try await note()
            _ = try await fixture.store.cancel(id, owner: nil)
            try await note()
            _ = try await fixture.store.finish(
                lease, JobEnd(reason: .cancelled))
            try await note()
            #expect(versions == versions.sorted() && Set(versions).count == versions.count, "\(versions)")
        }
    }
}
