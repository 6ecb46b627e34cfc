import Foundation
import Testing

@testable import ScrapeService

/// A job on several shards: moved pages keep their identity, ends wait for everybody, limits are shared.
@Suite struct SpreadingTests {
    /// A job whose shard was split; the second lease belongs to another replica.
    private func split(
        _ fixture: StoreFixture, pages: Int = 100, after: Int64 = 10
    ) async throws -> (giver: JobLease, taker: JobLease, moved: Int) {
        let giver = try await fixture.makeLease(pages: pages)
        let moved = try #require(try await fixture.store.split(giver, after: after, quota: 20))
        let taker = try #require(try await fixture.store.claim(for: fixture.makeReplica()))
        return (giver, taker, moved)
    }

    private func settleAll(_ lease: JobLease, _ store: PostgresStore) async throws -> SettleOutcome {
        let pages = try await store.frontier(lease, after: 0, limit: 1000)
        return try await store.settle(
            lease, pages.map { .fetched($0, items: [#"{"n":\#($0.id)}"#]) }, gauges: JobGauges())
    }

    @Test func halfOfWhatNobodyTookGoesToAnotherReplica() async throws {
        try await StoreFixture.with { fixture in
            let (giver, taker, moved) = try await split(fixture)
            #expect(moved == 45)
            #expect(taker.key == giver.key && taker.shard == 1 && taker.openShards == 2)
            #expect(taker.counters == JobCounters(discovered: 45))
            let kept = try await fixture.store.frontier(giver, after: 0, limit: 1000).map(\.id)
            let given = try await fixture.store.frontier(taker, after: 0, limit: 1000).map(\.id)
            #expect(kept == Array(1...55) && given == Array(56...100))
            let snapshot = try #require(try await fixture.store.snapshot(of: giver.job, owner: nil))
            #expect(snapshot.counters == JobCounters(discovered: 100))
        }
    }

    @Test func theGiverLeavesItsOfferToOthersForAWhile() async throws {
        try await StoreFixture.with { fixture in
            let giver = try await fixture.makeLease(pages: 100)
            _ = try await fixture.store.split(giver, after: 0, quota: 0)
            let owner = try await fixture.store.pool.query("select owner from shard where shard = 0")
            var row = try #require(owner.first)
            let replica = ReplicaID(uuid: try row.next())
            #expect(try await fixture.store.claim(for: replica) == nil)
            _ = try await fixture.store.pool.query(
                "update shard set offered_at = offered_at - interval '4 s'")
            #expect(try await fixture.store.claim(for: replica)?.shard == 1)
        }
    }

    @Test func everyItemAndPageIsThereOnceAndTheJobEndsWithItsLastShard() async throws {
        try await StoreFixture.with { fixture in
            let (giver, taker, _) = try await split(fixture)
            let halfWay = try await fixture.store.pages(
                of: giver.job, status: nil, after: Position(), limit: 30)
            #expect(halfWay.elements.allSatisfy { $0.status == .queued })
            let first = try await settleAll(taker, fixture.store)
            #expect(first.openShards == 2)
            guard case .closed = try await fixture.store.close(taker) else {
                Issue.record("the job ended with pages left")
                return
            }
            #expect(
                try await fixture.store.claim(for: fixture.makeReplica()) == nil, "a closed shard is nobody's"
            )
            guard case .open = try await fixture.store.close(giver) else {
                Issue.record("a shard with pages was closed")
                return
            }
            #expect(try await settleAll(giver, fixture.store).openShards == 1)
            guard case .ended(.finished) = try await fixture.store.close(giver) else {
                Issue.record("not ended")
                return
            }
            let snapshot = try #require(try await fixture.store.snapshot(of: giver.job, owner: nil))
            #expect(snapshot.state == .completed && snapshot.outcome == .ok)
            #expect(snapshot.counters == (try await fixture.countedRows(giver)))
            let items = try await fixture.store.items(of: giver.job, after: Position(), limit: 1000)
            #expect(Set(items.elements.map(\.data.json)).count == 100 && items.elements.count == 100)
            #expect(Set(items.elements.map(\.seq)).count == 100)
            #expect(Set(items.elements.map(\.url)).count == 100)
            let rest = try await fixture.store.pages(
                of: giver.job, status: nil, after: halfWay.position, limit: 1000)
            #expect(Set((halfWay.elements + rest.elements).map(\.url)).count == 100)
            #expect(halfWay.elements.count + rest.elements.count == 100)
            let fetched = try await fixture.store.pages(
                of: giver.job, status: .fetched, after: Position(), limit: 1000)
            #expect(Set(fetched.elements.map(\.url)).count == 100)
        }
    }

    @Test func linksFoundByATakerAreNumberedInItsOwnShard() async throws {
        try await StoreFixture.with { fixture in
            let (giver, taker, _) = try await split(fixture)
            let page = try #require(try await fixture.store.frontier(taker, after: 0, limit: 1).first)
            let known = try #require(try await fixture.store.frontier(giver, after: 0, limit: 1).first)
            _ = try await fixture.store.settle(
                giver, [.fetched(known, links: ["http://site.test/3"])], gauges: JobGauges())
            let outcome = try await fixture.store.settle(
                taker, [.fetched(page, links: ["http://site.test/new", "http://site.test/3"])],
                gauges: JobGauges())
            #expect(outcome.counters.discovered == 46, "one of the two was known")
            #expect(outcome.firstLink == (1 << 40) + 1)
            let found = try await fixture.store.frontier(taker, after: 1 << 40, limit: 10)
            #expect(found.map(\.url.text) == ["http://site.test/new"])
        }
    }

    @Test func anEndIsDecidedByOneAndWrittenWhenNobodyFetchesAnyMore() async throws {
        try await StoreFixture.with { fixture in
            let (giver, taker, _) = try await split(fixture)
            #expect(try await fixture.store.decide(giver, JobEnd(reason: .maxDuration)))
            #expect(try await fixture.store.decide(taker, JobEnd(reason: .internalError)))
            #expect(
                try await fixture.store.settle(taker, [], gauges: JobGauges()).ending == .maxDuration,
                "the first reason counts")
            guard case .closed = try await fixture.store.close(giver) else {
                Issue.record("the other replica still fetches")
                return
            }
            guard case .ended(.maxDuration) = try await fixture.store.close(taker) else {
                Issue.record("not ended")
                return
            }
            // Terminal first, swept afterwards; a reader sees no difference.
            let snapshot = try #require(try await fixture.store.snapshot(of: giver.job, owner: nil))
            #expect(snapshot.state == .completed && snapshot.outcome == .empty)
            #expect(snapshot.counters.skipped == 100 && snapshot.counters.remaining == 0)
            let rows = try await fixture.store.pages(
                of: giver.job, status: nil, after: Position(), limit: 200)
            #expect(rows.elements.count == 100)
            #expect(rows.elements.allSatisfy { $0.status == .skipped && $0.error == "max_duration" })
            #expect(
                try await fixture.store.pages(of: giver.job, status: .queued, after: Position(), limit: 9)
                    .elements.isEmpty)
            while try await fixture.store.sweep() {}
            #expect(try await fixture.number("select count(*) from queue") == 0)
            #expect(try await fixture.countedRows(giver) == snapshot.counters)
        }
    }

    @Test func anEndDoesNotWaitForADeadReplica() async throws {
        try await StoreFixture.with { fixture in
            let (giver, taker, _) = try await split(fixture)
            _ = try await fixture.store.decide(giver, JobEnd(reason: .maxDuration))
            _ = try await fixture.store.pool.query(
                "update replica set expires_at = '-infinity' where id = (select owner from shard where shard = 1)"
            )
            guard case .ended = try await fixture.store.close(giver) else {
                Issue.record("waits for the dead")
                return
            }
            let page = try #require(try await fixture.store.frontier(taker, after: 0, limit: 1).first)
            let late = try await fixture.store.settle(taker, [.fetched(page)], gauges: JobGauges())
            #expect(!late.leaseHeld)
        }
    }

    @Test func maxPagesIsSharedExactly() async throws {
        try await StoreFixture.with { fixture in
            let (giver, taker, _) = try await split(fixture)
            let store = fixture.store
            #expect(try await store.reserve(giver, more: 100, of: 30)?.quota == 30)
            #expect(try await store.reserve(taker, more: 100, of: 30)?.quota == 0)
            #expect(try await store.split(giver, after: 20, quota: 12) ?? 0 > 0)
            let reservation = try #require(try await store.reserve(taker, more: 100, of: 30))
            #expect(reservation.quota == 18 && reservation.spent == 0)
            #expect(try await store.reserve(giver, more: 5, of: 30)?.quota == 12)
            let pages = try await store.frontier(taker, after: 0, limit: 18)
            let outcome = try await store.settle(taker, pages.map { .fetched($0) }, gauges: JobGauges())
            #expect(outcome.counters.fetched == 18)
            #expect(try await store.reserve(giver, more: 5, of: 30)?.spent == 18)
        }
    }

    @Test func aCancelledJobThatNobodyHoldsIsEndedByWhoeverSweeps() async throws {
        try await StoreFixture.with { fixture in
            let id = try await fixture.accept(pages: 3)
            _ = try await fixture.store.cancel(id, owner: nil)
            while try await fixture.store.sweep() {}
            let snapshot = try #require(try await fixture.store.snapshot(of: id, owner: nil))
            #expect(snapshot.state == .cancelled && snapshot.counters.skipped == 3)
            #expect(try await fixture.number("select count(*) from queue") == 0)
        }
    }

    // MARK: Pause, resume, retry-failed

    @Test func aPausedJobIsClaimedByNobodyUntilItIsResumed() async throws {
        try await StoreFixture.with { fixture in
            let lease = try await fixture.makeLease(pages: 3)
            for _ in 0..<2 {
                guard case .accepted(let job) = try await fixture.store.act(.pause, on: lease.job, owner: nil)
                else {
                    Issue.record("not paused")
                    return
                }
                #expect(job.state == .paused)
            }
            #expect(try await fixture.store.settle(lease, [], gauges: JobGauges()).state == .paused)
            try await fixture.store.release(lease)
            #expect(try await fixture.store.claim(for: fixture.makeReplica()) == nil)
            _ = try await fixture.store.pool.query("update job set ran = '90 s'")
            guard case .accepted(let job) = try await fixture.store.act(.resume, on: lease.job, owner: nil)
            else {
                Issue.record("not resumed")
                return
            }
            #expect(job.state == .running)
            let next = try #require(try await fixture.store.claim(for: fixture.makeReplica()))
            #expect(next.elapsed >= .seconds(90) && next.elapsed < .seconds(95), "time paused does not count")
        }
    }

    @Test func aJobPausedBeforeItsStartIsQueuedAgainWhenResumed() async throws {
        try await StoreFixture.with { fixture in
            let id = try await fixture.accept()
            _ = try await fixture.store.act(.pause, on: id, owner: nil)
            guard case .accepted(let job) = try await fixture.store.act(.resume, on: id, owner: nil) else {
                Issue.record("not resumed")
                return
            }
            #expect(job.state == .queued)
        }
    }

    @Test func whatTheStateForbidsIsForbidden() async throws {
        try await StoreFixture.with { fixture in
            let lease = try await fixture.makeLease(pages: 2)
            let page = try #require(try await fixture.store.frontier(lease, after: 0, limit: 1).first)
            _ = try await fixture.store.settle(lease, [.failed(page)], gauges: JobGauges())
            guard case .forbidden = try await fixture.store.act(.retryFailed, on: lease.job, owner: nil)
            else {
                Issue.record("retried while it runs")
                return
            }
            _ = try await fixture.store.cancel(lease.job, owner: nil)
            for action in [JobAction.pause, .resume, .retryFailed] {
                guard case .forbidden = try await fixture.store.act(action, on: lease.job, owner: nil) else {
                    Issue.record("\(action) while it is cancelled")
                    return
                }
            }
            guard case .notFound = try await fixture.store.act(.pause, on: lease.job, owner: "bob") else {
                Issue.record("another's job")
                return
            }
        }
    }

    @Test func failedPagesAloneAreTriedAgainAndEverythingStillAddsUp() async throws {
        try await StoreFixture.with { fixture in
            let store = fixture.store
            let (giver, taker, _) = try await split(fixture, pages: 40, after: 0)
            for lease in [giver, taker] {
                let pages = try await store.frontier(lease, after: 0, limit: 100)
                _ = try await store.settle(
                    lease, pages.map { $0.id % 10 == 0 ? .failed($0) : .fetched($0, items: ["{}"]) },
                    gauges: JobGauges())
                _ = try await store.close(lease)
            }
            #expect(try await store.snapshot(of: giver.job, owner: nil)?.outcome == .partial)
            for _ in 0..<2 {
                guard case .accepted(let job) = try await store.act(.retryFailed, on: giver.job, owner: nil)
                else {
                    Issue.record("not accepted")
                    return
                }
                #expect(job.state == .queued && job.counters.failed == 0 && job.counters.remaining == 4)
                #expect(job.failures.isEmpty && job.finishedAt == nil)
            }
            var ids: [Int64] = []
            while let lease = try await store.claim(for: fixture.makeReplica()) {
                let pages = try await store.frontier(lease, after: 0, limit: 100)
                ids += pages.map(\.id)
                _ = try await store.settle(
                    lease, pages.map { .fetched($0, items: ["{}"]) }, gauges: JobGauges())
                _ = try await store.close(lease)
            }
            #expect(ids.sorted() == [10, 20, 30, 40])
            let job = try #require(try await store.snapshot(of: giver.job, owner: nil))
            #expect(job.state == .completed && job.outcome == .ok && job.counters.items == 40)
            let rows = try await store.pages(of: giver.job, status: nil, after: Position(), limit: 100)
            #expect(rows.elements.count == 40)
            #expect(rows.elements.filter { $0.attempts == 2 }.count == 4, "attempts are counted on")
        }
    }

    @Test func aJobThatWasCutShortIsStillCutShortAfterItsFailedPagesWereTriedAgain() async throws {
        try await StoreFixture.with { fixture in
            let lease = try await fixture.makeLease(pages: 5)
            let pages = try await fixture.store.frontier(lease, after: 0, limit: 2)
            _ = try await fixture.store.settle(
                lease, [.fetched(pages[0], items: ["{}"]), .failed(pages[1])], gauges: JobGauges())
            #expect(try await fixture.store.finish(lease, JobEnd(reason: .maxPages)))
            _ = try await fixture.store.act(.retryFailed, on: lease.job, owner: nil)
            let again = try #require(try await fixture.store.claim(for: fixture.makeReplica()))
            let failed = try await fixture.store.frontier(again, after: 0, limit: 9)
            #expect(failed.map(\.id) == [pages[1].id])
            _ = try await fixture.store.settle(again, [.fetched(failed[0])], gauges: JobGauges())
            #expect(try await fixture.store.finish(again, JobEnd(reason: .finished)))
            let job = try #require(try await fixture.store.snapshot(of: lease.job, owner: nil))
            #expect(job.stopReason == .maxPages && job.counters.skipped == 3 && job.counters.failed == 0)
        }
    }

    /// A job that is over, with its pages still in the queue.
    private func unswept(_ fixture: StoreFixture, pages: Int) async throws -> JobLease {
        let lease = try await fixture.makeLease(pages: pages)
        _ = try await fixture.store.decide(lease, JobEnd(reason: .maxDuration))
        _ = try await fixture.store.close(lease)
        return lease
    }

    @Test func deletingWaitsForWhoeverSweepsAndLeavesNothing() async throws {
        try await StoreFixture.with(maxConnections: 6) { fixture in
            let lease = try await unswept(fixture, pages: 50)
            try await fixture.store.pool.withConnection { connection in
                try await connection.run("begin")
                _ = try await connection.query("select sweep_job($1, 20, false)", [.int(lease.key)])
                #expect(try await fixture.store.sweep() == false, "a rival is at it")
                async let deletion = fixture.store.delete(lease.job, owner: nil)
                try await fixture.waitForLockWaiter()
                try await connection.run("commit")
                guard case .deleted = try await deletion else {
                    Issue.record("not deleted")
                    return
                }
            }
            for table in ["queue", "page", "seen", "shard"] {
                #expect(
                    try await fixture.number(
                        "select count(*) from \(table) where job = $1", [.int(lease.key)]) == 0,
                    "\(table)")
            }
        }
    }

    @Test func aJobThatRunsAgainIsNotDeleted() async throws {
        try await StoreFixture.with { fixture in
            let lease = try await fixture.makeLease(pages: 1)
            let page = try #require(try await fixture.store.frontier(lease, after: 0, limit: 1).first)
            _ = try await fixture.store.settle(lease, [.failed(page)], gauges: JobGauges())
            _ = try await fixture.store.close(lease)
            let job = try #require(try await fixture.store.reference(of: lease.job))
            _ = try await fixture.store.act(.retryFailed, on: lease.job, owner: nil)
            #expect(try await fixture.store.erase(job) == false)
            #expect(try await fixture.store.claim(for: fixture.makeReplica()) != nil)
        }
    }

    @Test func aJobNobodyHereUnderstandsDoesNotKeepTheOthersWaiting() async throws {
        try await StoreFixture.with { fixture in
            let strange = try await fixture.accept()
            let plain = try await fixture.accept()
            _ = try await fixture.store.pool.query(
                "update job set spec = '{\"of\": \"a newer service\"}' where id = $1", [.uuid(strange.uuid)])
            #expect(try await fixture.store.claim(for: fixture.makeReplica())?.job == plain)
            #expect(try await fixture.number("select count(*) from shard where owner is null") == 1)
        }
    }
}
