import Testing

@testable import ScrapeService

@Suite struct JobRunStateTests {
    private func make(
        concurrency: Int = 4, counters: JobCounters = JobCounters(discovered: 10), state: JobState = .running,
        change: (inout JobSpec) -> Void = { _ in }
    ) -> JobRunState {
        var spec = JobSpec(name: nil, start: [], pages: [PageKind(name: "page")])
        spec.fetch.concurrency = concurrency
        change(&spec)
        return JobRunState(
            lease: JobLease(
                job: .make(), key: 1, shard: 0, epoch: 1, spec: spec, state: state, elapsed: .zero,
                counters: counters))
    }

    private func page(_ id: Int64, attempt: Int = 0) -> QueuedPage {
        QueuedPage(id: id, kind: "page", url: WebURL(canonical: "http://h/\(id)"), depth: 0, attempt: attempt)
    }

    private func fetched(_ id: Int64, items: Int = 1) -> PageSettlement {
        PageSettlement(
            page: page(id),
            result: .fetched(
                PageYield(items: Array(repeating: ItemData(json: "{}"), count: items), links: [])))
    }

    /// A state past its first reads, with pages 1…count taken.
    private func running(_ count: Int64, change: (inout JobSpec) -> Void = { _ in }) -> JobRunState {
        var state = make(counters: JobCounters(discovered: Int(count)), change: change)
        _ = state.retriesRead(RetryWindow(due: [], nextIn: nil))
        if case .reserve(let more) = state.next(linger: false) {
            state.reserved(PageReservation(quota: more, spent: 0))
        }
        guard case .readFrontier(let limit, _) = state.next(linger: false) else { return state }
        #expect(
            state.frontierRead(Self.slice((1...count).map { page($0) }, limit: limit)).count == Int(count))
        return state
    }

    private static func slice(_ pages: [QueuedPage], limit: Int) -> FrontierSlice {
        FrontierSlice(pages: pages, scannedTo: pages.last?.id, isLast: pages.count < limit)
    }

    private func outcome(_ counters: JobCounters, state: JobState = .running) -> SettleOutcome {
        SettleOutcome(
            leaseHeld: true, counters: counters, state: state,
            ending: state == .cancelling ? .cancelled : nil, firstLink: 0)
    }

    @Test func aRunReadsDueRetriesThenTheFrontier() {
        var state = make()
        #expect(state.next(linger: false) == .readRetries(limit: 256, passingOver: []))
        _ = state.retriesRead(RetryWindow(due: [], nextIn: nil))
        #expect(state.next(linger: false) == .readFrontier(limit: 64, passingOver: []))
    }

    @Test func theWindowBoundsWhatIsTaken() {
        var state = make(concurrency: 1000, counters: JobCounters(discovered: 1_000_000))
        _ = state.retriesRead(RetryWindow(due: [], nextIn: nil))
        #expect(state.next(linger: false) == .readFrontier(limit: 2000, passingOver: []))
        let pages = (1...2000).map { page($0) }
        #expect(state.frontierRead(Self.slice(pages, limit: 2000)).count == 1500)
        // The rest of the frontier may hold other hosts; this one waits until half of its pages have left.
        guard case .readFrontier(_, ["http://h"]) = state.next(linger: false) else {
            Issue.record("nobody looks for other hosts")
            return
        }
        _ = state.frontierRead(FrontierSlice(pages: [], scannedTo: 1_000_000, isLast: true))
        #expect(state.next(linger: false) == .wait)
        for id in 1...749 { state.abandoned(page(Int64(id))) }
        #expect(state.next(linger: false) == .wait)
        state.abandoned(page(750))
        #expect(state.next(linger: false) == .readOrigin("http://h", after: 1500, limit: 750))
    }

    @Test func aPageIsTakenOnce() {
        var state = make()
        _ = state.retriesRead(RetryWindow(due: [page(3, attempt: 1)], nextIn: nil))
        let fresh = state.frontierRead(Self.slice([page(1), page(2), page(3)], limit: 64))
        #expect(fresh.map(\.id) == [1, 2])
    }

    @Test func aSmallBatchMayGrowAndAFullOneDoesNotWait() {
        var state = running(40)
        state.arrived(fetched(1))
        #expect(state.next(linger: true) == .wait)
        #expect(state.next(linger: false) == .settle)
        for id in 2...16 { state.arrived(fetched(Int64(id))) }
        #expect(state.next(linger: true) == .settle)
    }

    @Test func anEmptyFrontierEndsTheJobAsFinished() {
        var state = running(1)
        state.arrived(fetched(1))
        let batch = state.takeBatch()
        state.settled(batch, outcome(JobCounters(discovered: 1, fetched: 1, items: 1, startFetched: 1)))
        let end = JobEnd(reason: .finished)
        #expect(state.next(linger: false) == .finish(end))
    }

    @Test func newLinksReopenTheFrontier() {
        var state = running(1)
        state.arrived(fetched(1))
        let batch = state.takeBatch()
        state.settled(batch, outcome(JobCounters(discovered: 31, fetched: 1, startFetched: 1)))
        #expect(state.next(linger: false) == .readFrontier(limit: 64, passingOver: []))
        // From before the first: what an answer that was lost may have told of is not known yet.
        #expect(state.window.cursor == -1)
    }

    @Test func aWaitingRetryKeepsTheJobOpen() {
        var state = running(1)
        state.arrived(PageSettlement(page: page(1), result: .retry(.timeout, after: .seconds(1))))
        let batch = state.takeBatch()
        state.settled(batch, outcome(JobCounters(discovered: 1, retries: 1)))
        #expect(state.next(linger: false) == .wait)
        state.retryTimePassed()
        #expect(state.next(linger: false) == .readRetries(limit: 256, passingOver: []))
        #expect(state.retriesRead(RetryWindow(due: [page(1, attempt: 1)], nextIn: nil)).count == 1)
    }

    @Test func aRetryInFlightDoesNotKeepTheJobOpen() {
        var state = running(2)
        for id in 1...2 {
            state.arrived(PageSettlement(page: page(Int64(id)), result: .retry(.timeout, after: .seconds(1))))
        }
        state.settled(state.takeBatch(), outcome(JobCounters(discovered: 2, retries: 2)))
        _ = state.retriesRead(RetryWindow(due: [page(1, attempt: 1)], nextIn: .seconds(1), total: 2))
        state.retryTimePassed()
        let due = [page(1, attempt: 1), page(2, attempt: 1)]
        #expect(state.retriesRead(RetryWindow(due: due, nextIn: nil, total: 2)).map(\.id) == [2])
        for id in 1...2 { state.arrived(fetched(Int64(id))) }
        let counters = JobCounters(discovered: 2, fetched: 2, retries: 2, items: 2, startFetched: 2)
        state.settled(state.takeBatch(), outcome(counters))
        #expect(state.next(linger: false) == .finish(JobEnd(reason: .finished)))
    }

    @Test func aPageThatWaitsForItsRetryCountsAsAttempted() {
        var state = make(counters: JobCounters(discovered: 10)) { $0.limits.maxPages = 2 }
        _ = state.retriesRead(RetryWindow(due: [], nextIn: nil))
        #expect(state.next(linger: false) == .reserve(more: 2))
        state.reserved(PageReservation(quota: 2, spent: 0))
        _ = state.frontierRead(Self.slice([page(1), page(2)], limit: 2))
        for id in 1...2 {
            state.arrived(
                PageSettlement(page: page(Int64(id)), result: .retry(.http(503), after: .seconds(1))))
        }
        state.settled(state.takeBatch(), outcome(JobCounters(discovered: 10, retries: 2)))
        #expect(state.next(linger: false) == .reserve(more: 2))
        state.reserved(PageReservation(quota: 2, spent: 0))
        #expect(state.next(linger: false) == .wait)
        state.retryTimePassed()
        #expect(state.next(linger: false) == .readRetries(limit: 256, passingOver: []))
    }

    @Test func maxPagesCountsAttemptedPagesExactly() {
        var state = make(counters: JobCounters(discovered: 10)) { $0.limits.maxPages = 3 }
        #expect(state.next(linger: false) == .readRetries(limit: 256, passingOver: []))
        _ = state.retriesRead(RetryWindow(due: [], nextIn: nil))
        #expect(state.next(linger: false) == .reserve(more: 3))
        state.reserved(PageReservation(quota: 3, spent: 0))
        #expect(state.next(linger: false) == .readFrontier(limit: 3, passingOver: []))
        _ = state.frontierRead(Self.slice([page(1), page(2), page(3)], limit: 3))
        #expect(state.next(linger: false) == .reserve(more: 3))
        state.reserved(PageReservation(quota: 3, spent: 0))
        #expect(state.next(linger: false) == .wait)
        for id in 1...3 { state.arrived(fetched(Int64(id))) }
        let batch = state.takeBatch()
        state.settled(
            batch, outcome(JobCounters(discovered: 10, fetched: 2, failed: 1, items: 2, startFetched: 2)))
        #expect(state.next(linger: false) == .reserve(more: 3))
        state.reserved(PageReservation(quota: 3, spent: 3))
        #expect(state.next(linger: false) == .finish(JobEnd(reason: .maxPages)))
    }

    @Test func whatOtherShardsHoldOfMaxPagesIsAskedForAgain() {
        var state = make(counters: JobCounters(discovered: 10)) { $0.limits.maxPages = 100 }
        _ = state.retriesRead(RetryWindow(due: [], nextIn: nil))
        state.reserved(PageReservation(quota: 0, spent: 90))
        #expect(state.next(linger: false) == .wait)
        #expect(state.waitsForQuota)
        state.mayReserveAgain()
        #expect(state.next(linger: false) == .reserve(more: 100))
        state.reserved(PageReservation(quota: 5, spent: 95))
        #expect(state.next(linger: false) == .readFrontier(limit: 5, passingOver: []))
    }

    @Test func aLastPageOfMaxPagesIsTheEndOfTheJobNotOfItsLimit() {
        var state = running(1) { $0.limits.maxPages = 1 }
        state.arrived(fetched(1))
        state.settled(state.takeBatch(), outcome(JobCounters(discovered: 1, fetched: 1, startFetched: 1)))
        #expect(state.next(linger: false) == .finish(JobEnd(reason: .finished)))
    }

    /// The batch found pages 11 and 12, its answer was lost, and the second answer begins behind them. The shard holds
    /// another's pages as well, so that they lie below its cursor.
    @Test func pagesFoundByABatchWhoseAnswerWasLostAreRead() {
        var state = make(counters: JobCounters(discovered: 40))
        _ = state.retriesRead(RetryWindow(due: [], nextIn: nil))
        let moved = (1...40).map { page((1 << 40) + $0) }
        _ = state.frontierRead(Self.slice(moved, limit: 64))
        var before = outcome(JobCounters(discovered: 40))
        before.firstLink = 11
        state.settled([], before)
        _ = state.frontierRead(Self.slice(moved, limit: 64))
        #expect(state.window.cursor > 11)
        var again = outcome(JobCounters(discovered: 42))
        again.firstLink = 13
        state.settled([], again)
        #expect(state.window.cursor <= 10)
        #expect(state.frontierRead(Self.slice([page(11), page(12)], limit: 64)).map(\.id) == [11, 12])
        state.settled([], again)
        let cursor = state.window.cursor
        state.settled([], again)
        #expect(state.window.cursor == cursor, "nothing new is nothing to read again")
    }

    // MARK: Other replicas

    @Test func whatASplitMayHaveGivenAwayIsNotUsedBeforeItsAnswer() {
        var state = make(counters: JobCounters(discovered: 1000)) { $0.limits.maxPages = 500 }
        _ = state.retriesRead(RetryWindow(due: [], nextIn: nil))
        state.reserved(PageReservation(quota: 500, spent: 0))
        _ = state.frontierRead(Self.slice((1...40).map { page($0) }, limit: 40))
        state.splitBegins()
        #expect(state.split(replicas: 2)?.quota == 40)
        #expect(state.next(linger: false) == .reserve(more: 500))
    }

    @Test func aLargeFrontierIsSharedWithAnIdleReplica() throws {
        var state = make(counters: JobCounters(discovered: 1000))
        _ = state.frontierRead(Self.slice((1...40).map { page($0) }, limit: 40))
        #expect(state.split(replicas: 1) == nil)
        let offer = try #require(state.split(replicas: 3))
        #expect(offer.after == 40 && offer.quota == 40)
        #expect(state.permits == 4)
        state.splitDone(480)
        #expect(state.counters.remaining == 520)
        #expect(state.permits == 2)
        #expect(state.split(replicas: 2) == nil)
        #expect(state.split(replicas: 3) != nil)
    }

    @Test func whatNeedsOneWriterOrIsSmallStaysWhole() {
        #expect(make(counters: JobCounters(discovered: 100)).split(replicas: 3) == nil)
        let large = JobCounters(discovered: 1000)
        #expect(make(counters: large) { $0.limits.maxItems = 900 }.split(replicas: 3) == nil)
        #expect(make(counters: large) { $0.onFailure = .stop }.split(replicas: 3) == nil)
        #expect(make(concurrency: 1, counters: large).split(replicas: 3) == nil)
    }

    @Test func aPauseSeenInTheStoreStopsTheRunAndAnEndDecidedElsewhereEndsIt() {
        var state = running(2)
        state.settled([], outcome(JobCounters(discovered: 2), state: .paused))
        #expect(state.isPaused && state.end == nil)
        var other = running(2)
        var decided = outcome(JobCounters(discovered: 2))
        decided.ending = .maxDuration
        other.settled([], decided)
        #expect(other.end == JobEnd(reason: .maxDuration))
    }

    @Test func maxItemsCutsThePageThatReachesItAndDropsTheRest() {
        var state = running(3) { $0.limits.maxItems = 5 }
        for id in 1...3 { state.arrived(fetched(Int64(id), items: 4)) }
        let batch = state.takeBatch()
        #expect(batch.count == 2)
        let counts = batch.map { settlement in
            if case .fetched(let yield) = settlement.result { yield.items.count } else { -1 }
        }
        #expect(counts == [4, 1])
        state.settled(batch, outcome(JobCounters(discovered: 3, fetched: 2, items: 5, startFetched: 2)))
        #expect(
            state.next(linger: false)
                == .finish(JobEnd(reason: .maxItems)))
        #expect(state.window.isEmpty)
        state.arrived(fetched(3))
        #expect(state.settlements.isEmpty)
    }

    @Test func theFirstFailureStopsAJobThatAsksForIt() {
        var state = running(3) { $0.onFailure = .stop }
        state.arrived(fetched(1))
        state.arrived(PageSettlement(page: page(2), result: .failed(.http(404))))
        state.arrived(fetched(3))
        let batch = state.takeBatch()
        #expect(batch.map(\.page.id) == [1, 2])
        state.settled(
            batch, outcome(JobCounters(discovered: 3, fetched: 1, failed: 1, items: 1, startFetched: 1)))
        #expect(
            state.next(linger: false)
                == .finish(JobEnd(reason: .firstFailure)))
    }

    @Test func aCancelStillSettlesWhatWasFetched() {
        var state = running(2)
        state.arrived(fetched(1))
        state.settled([], outcome(state.counters, state: .cancelling))
        #expect(state.next(linger: true) == .settle)
        let batch = state.takeBatch()
        state.settled(batch, outcome(JobCounters(discovered: 2, fetched: 1), state: .cancelling))
        #expect(
            state.next(linger: false)
                == .finish(JobEnd(reason: .cancelled)))
    }

    @Test func aCancelSeenInTheStoreEndsTheRun() {
        var state = running(2)
        state.settled([], outcome(JobCounters(discovered: 2), state: .cancelling))
        #expect(state.end?.reason == .cancelled)
    }

    @Test func theFirstReasonToEndCounts() {
        var state = running(1)
        state.deadlinePassed()
        state.settled([], outcome(state.counters, state: .cancelling))
        #expect(state.end?.reason == .maxDuration)
    }

    @Test func aFailedPageIsSettledLikeAnyOther() {
        var state = running(1)
        state.arrived(PageSettlement(page: page(1), result: .failed(.dnsFailed)))
        let batch = state.takeBatch()
        state.settled(batch, outcome(JobCounters(discovered: 1, failed: 1)))
        #expect(state.next(linger: false) == .finish(JobEnd(reason: .finished)))
    }

    @Test func aRunThatTakesOverAFinishedLimitEndsAtOnce() {
        let items = make(counters: JobCounters(discovered: 9, fetched: 5, items: 5)) {
            $0.limits.maxItems = 5
        }
        #expect(items.end?.reason == .maxItems)
        let failure = make(counters: JobCounters(discovered: 9, failed: 1)) { $0.onFailure = .stop }
        #expect(failure.end?.reason == .firstFailure)
        #expect(make(state: .cancelling).end?.reason == .cancelled)
    }

    @Test func aBatchIsBoundedByPagesAndBytes() {
        var state = make(concurrency: 1000, counters: JobCounters(discovered: 600))
        let heavy = ItemData(json: String(repeating: "x", count: 3 << 20))
        for id in 1...4 {
            state.arrived(
                PageSettlement(page: page(Int64(id)), result: .fetched(PageYield(items: [heavy], links: []))))
        }
        #expect(state.takeBatch().count == 3)
        for id in 5...600 { state.arrived(fetched(Int64(id))) }
        #expect(state.takeBatch().count == JobRunState.maxBatchPages)
    }

    @Test func anAbandonedPageStaysInTheFrontier() {
        var state = running(1)
        state.abandoned(page(1))
        #expect(state.window.isEmpty)
    }
}
