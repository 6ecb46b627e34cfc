/// Decides what a running shard does next. Pure: no clock, no task, no store.
///
/// A page is *taken* from when it leaves the frontier into memory until its settlement is committed: waiting for its
/// host, being fetched or extracted, or waiting for the next batch. Its row stays in the frontier all that time.
struct JobRunState {
    /// Pages in one settling transaction: enough to share one commit, few enough to keep it short.
    static let maxBatchPages = 256
    /// Text of items and links, and small files, in one settling transaction, bytes.
    static let maxBatchBytes = 8 << 20
    /// Pages that leave before retries that found no room are read again: a read for each would be many.
    static let crowdedLeaves = 8

    enum Step: Equatable {
        /// Of a job with `max_depth`: ask for the level that is next.
        case readLevel
        /// Read never attempted pages after ``window``'s cursor.
        case readFrontier(limit: Int, passingOver: [String])
        /// Read those of one origin.
        case readOrigin(String, after: Int64, limit: Int)
        case readRetries(limit: Int, passingOver: [String])
        /// Ask for more of `max_pages`.
        case reserve(more: Int)
        case settle
        /// Stop all fetches, then end the shard's work, and with the last shard the job.
        case finish(JobEnd)
        case wait
    }

    let spec: JobSpec
    private(set) var counters: JobCounters
    private(set) var window: FrontierWindow
    private(set) var settlements: [PageSettlement] = []
    private(set) var end: JobEnd?
    /// Nothing is to be fetched until the job is resumed; the lease goes back.
    private(set) var isPaused = false
    private(set) var openShards: Int
    /// Of `max_pages`, in all.
    private var quota: Int
    /// The last answer: nothing is left of `max_pages` just now.
    private var quotaIsShort = false
    /// Pages in the frontier that were attempted before and are not taken.
    private var waiting = 0
    /// ``SettleOutcome/firstLink`` of the last answer.
    private var nextLink: Int64 = 0
    /// A retry may be due.
    private(set) var retriesMayBeDue = true
    /// The last read of retries found no room for some.
    private var retriesAreCrowded = false
    /// Pages that made room since.
    private var leftSinceRetries = 0
    /// Of a job with `max_depth`: pages up to here may be read; nil: to be asked for. The next one begins when all of
    /// them are settled, so a page is found first by the fewest links that lead to it, however fast other pages answer.
    /// Numbers are no help: after failed pages are tried again, theirs are not in the order of depth.
    private(set) var level: FrontierLevel?

    init(lease: JobLease) {
        spec = lease.spec
        counters = lease.counters
        openShards = lease.openShards
        quota = lease.pageQuota
        window = FrontierWindow(
            concurrency: spec.fetch.concurrency, perHost: spec.politeness.perHostConcurrency)
        // What a former process had reached already ends this run at once.
        if let ending = lease.ending { stopNow(ending) }
        if lease.state == .cancelling { stopNow(.cancelled) }
        if let maxItems = spec.limits.maxItems, counters.items >= maxItems { stopNow(.maxItems) }
        if spec.onFailure == .stop, counters.failed > 0 { stopNow(.firstFailure) }
    }

    /// Pages that count for `max_pages`: attempted, or about to be.
    private var attempted: Int { counters.fetched + counters.failed + window.count + waiting }

    /// How many more pages may be new: retries were counted when they were.
    private var quotaLeft: Int { spec.limits.maxPages == nil ? .max : quota - attempted }

    /// What to do now. `linger`: whether to let a small batch grow.
    func next(linger: Bool) -> Step {
        if let end {
            return settlements.isEmpty ? .finish(end) : .settle
        }
        if !settlements.isEmpty, !linger || isBatchFull { return .settle }
        if window.isEmpty, settlements.isEmpty, counters.remaining == 0 {
            return .finish(JobEnd(reason: .finished))
        }
        return nextRead ?? .wait
    }

    private var nextRead: Step? {
        if hasLevels, level == nil { return .readLevel }
        if retriesMayBeDue, window.room > 0 {
            return .readRetries(limit: window.retryLimit, passingOver: window.fullOrigins)
        }
        guard window.wantsPages else { return nil }
        guard quotaLeft > 0 else {
            return quotaIsShort ? nil : .reserve(more: wantedQuota)
        }
        if let (origin, cursor, limit) = window.originToRead {
            return .readOrigin(origin, after: cursor, limit: min(limit, quotaLeft))
        }
        guard window.wantsFrontier else { return nil }
        return .readFrontier(limit: window.stretch(atMost: quotaLeft), passingOver: window.deferredOrigins)
    }

    // MARK: Levels

    private var hasLevels: Bool { spec.limits.maxDepth != nil }

    /// Nothing is queued: what comes is whatever depth it is.
    private static let noLevel = FrontierLevel(depth: .max, last: .max)

    mutating func levelRead(_ found: FrontierLevel?) { level = found ?? Self.noLevel }

    /// All of its pages are settled.
    private mutating func lookAtLevel() {
        guard let level, level != Self.noLevel, window.isExhausted, settlements.isEmpty, waiting == 0,
            !retriesMayBeDue
        else { return }
        self.level = nil
        window.restart()
    }

    /// All of it where nobody else asks.
    private var wantedQuota: Int {
        openShards == 1 ? spec.limits.maxPages ?? 0 : 4 * window.size
    }

    private var isBatchFull: Bool { settlements.count >= min(Self.maxBatchPages, window.fullBatch) }

    // MARK: Events

    /// Returns the pages to fetch.
    mutating func frontierRead(_ slice: FrontierSlice) -> [QueuedPage] {
        defer { lookAtLevel() }
        return window.frontierRead(slice, atMost: quotaLeft)
    }

    /// Returns the pages to fetch.
    mutating func originRead(_ origin: String, _ slice: FrontierSlice) -> [QueuedPage] {
        defer { lookAtLevel() }
        return window.originRead(origin, slice)
    }

    /// Returns the pages to fetch.
    mutating func retriesRead(_ found: RetryWindow) -> [QueuedPage] {
        let (fresh, left) = window.retriesRead(found.due)
        waiting = max(0, found.total - window.retries)
        retriesMayBeDue = false
        // What did not fit is due still.
        retriesAreCrowded = left || !window.fullOrigins.isEmpty
        leftSinceRetries = 0
        lookAtLevel()
        return fresh
    }

    mutating func retryTimePassed() { retriesMayBeDue = true }

    /// `spent`: pages attempted by all shards of the job.
    mutating func reserved(_ reservation: PageReservation) {
        quota = reservation.quota
        quotaIsShort = quotaLeft <= 0
        guard quotaIsShort, window.isEmpty, settlements.isEmpty, waiting == 0 else { return }
        if let maxPages = spec.limits.maxPages, reservation.spent >= maxPages { stopNow(.maxPages) }
    }

    /// Time has passed: another shard may have given something back.
    mutating func mayReserveAgain() { quotaIsShort = false }

    var waitsForQuota: Bool { quotaIsShort }

    /// What comes in after a limit was reached is dropped; after a cancel or a deadline it was fetched and counts.
    mutating func arrived(_ settlement: PageSettlement) {
        switch end?.reason {
        case nil, .cancelled, .maxDuration: settlements.append(settlement)
        default: leave(settlement.page)
        }
    }

    /// A page that was stopped in mid-fetch: it stays in the frontier.
    mutating func abandoned(_ page: QueuedPage) { leave(page) }

    private mutating func leave(_ page: QueuedPage) {
        window.remove(page)
        leftSinceRetries += 1
        if retriesAreCrowded, leftSinceRetries >= Self.crowdedLeaves || window.isEmpty {
            retriesMayBeDue = true
        }
    }

    /// The next batch, cut where a limit ends the job; what lies behind the cut was never fetched, as far as rows tell.
    mutating func takeBatch() -> [PageSettlement] {
        var batch: [PageSettlement] = []
        var items = counters.items
        var bytes = 0
        while let next = settlements.first, batch.count < Self.maxBatchPages, bytes < Self.maxBatchBytes {
            settlements.removeFirst()
            var settlement = next
            if case .fetched(var yield) = settlement.result {
                if let maxItems = spec.limits.maxItems {
                    yield.cut(to: max(0, maxItems - items))
                }
                items += yield.items.count
                bytes += yield.items.reduce(0) { $0 + $1.json.utf8.count } + yield.carriedBytes
                bytes += yield.links.reduce(0) { $0 + $1.storedBytes }
                if settlement.isUnrecalled { bytes += settlement.page.rememberedBytes }
                settlement.result = .fetched(yield)
            }
            batch.append(settlement)
            if let stop = verdict(after: settlement, items: items) {
                stopNow(stop)
                dropSettlements()
                break
            }
        }
        return batch
    }

    /// Ends the job after this settlement? The first reason counts.
    private func verdict(after settlement: PageSettlement, items: Int) -> StopReason? {
        if let maxItems = spec.limits.maxItems, items >= maxItems { return .maxItems }
        if spec.onFailure == .stop, case .failed = settlement.result { return .firstFailure }
        return nil
    }

    mutating func settled(_ batch: [PageSettlement], _ outcome: SettleOutcome) {
        for settlement in batch {
            leave(settlement.page)
            if case .retry = settlement.result { waiting += 1 }
        }
        // With nothing in flight, what is left of max_pages is asked for once more.
        if window.isEmpty { quotaIsShort = false }
        // From the answer before on: a batch whose answer was lost has found pages that this one does not tell of.
        if outcome.firstLink != nextLink || outcome.counters.discovered != counters.discovered {
            // They are of the next level, which is not read yet.
            if !hasLevels { window.pagesWereFound(from: min(nextLink, outcome.firstLink)) }
            nextLink = outcome.firstLink
        }
        counters = outcome.counters
        openShards = outcome.openShards
        if outcome.state == .paused { isPaused = true }
        if let ending = outcome.ending { stopNow(ending) }
        lookAtLevel()
    }

    mutating func deadlinePassed() { stopNow(.maxDuration) }

    mutating func broke(_ error: String) {
        dropSettlements()
        if end == nil { end = JobEnd(reason: .internalError, error: error) }
    }

    /// Their pages stay in the frontier, as if they had not been fetched.
    private mutating func dropSettlements() {
        for settlement in settlements { leave(settlement.page) }
        settlements = []
    }

    private mutating func stopNow(_ reason: StopReason) {
        if end == nil { end = JobEnd(reason: reason) }
    }

    // MARK: Other replicas

    /// Whether a part of the frontier should go to a shard of its own, for one of `replicas` to work on, and what
    /// stays here of `max_pages`. Exact ends need one writer: such jobs stay whole.
    func split(replicas: Int) -> (after: Int64, quota: Int)? {
        guard openShards < min(replicas, spec.fetch.concurrency), end == nil, !isPaused,
            spec.limits.maxItems == nil, spec.limits.maxDepth == nil, spec.onFailure == .continue,
            counters.remaining - window.count - waiting >= 2 * window.size
        else { return nil }
        return (window.highest, attempted)
    }

    /// Before the store is asked: its answer may be lost. What is not given away is asked for again.
    mutating func splitBegins() {
        if spec.limits.maxPages != nil { quota = min(quota, attempted) }
    }

    mutating func splitDone(_ moved: Int) {
        guard moved > 0 else { return }
        counters.discovered -= moved
        openShards += 1
    }

    /// This shard's part of the job's semaphore.
    var permits: Int { max(1, spec.fetch.concurrency / max(1, openShards)) }
}

extension PageYield {
    /// Of a file that is not in the store yet.
    fileprivate var carriedBytes: Int {
        if case .whole(let bytes)? = file?.content { bytes.count } else { 0 }
    }
}
