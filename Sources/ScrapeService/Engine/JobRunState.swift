/// Decides what a running job does next. Pure: no clock, no task, no store.
///
/// A page is *taken* from when it leaves the frontier into memory until its settlement is committed: being fetched,
/// being extracted, or waiting for the next batch. Its row stays in the frontier all that time.
struct JobRunState {
    /// Pages in one settling transaction: enough to share one commit, few enough to keep it short.
    static let maxBatchPages = 256
    /// Item text in one settling transaction, bytes.
    static let maxBatchBytes = 8 << 20
    /// Pages taken at once beyond those being fetched: work for the semaphore while a batch commits.
    static let minWindow = 64

    enum Step: Equatable {
        /// Read never attempted pages after `cursor`.
        case readFrontier(limit: Int)
        case readRetries(limit: Int)
        case settle
        /// Stop all fetches, then end the job.
        case finish(JobEnd)
        case wait
    }

    let spec: JobSpec
    private(set) var counters: JobCounters
    private(set) var cursor: Int64 = 0
    private(set) var taken: Set<Int64> = []
    /// Those of them that were attempted before.
    private var takenRetries: Set<Int64> = []
    /// Pages in the frontier that were attempted before and are not taken.
    private var waiting = 0
    private(set) var settlements: [PageSettlement] = []
    private(set) var end: JobEnd?
    /// The last read found fewer pages than it asked for, and nothing was discovered since.
    private var frontierIsRead = false
    /// A retry may be due.
    private(set) var retriesMayBeDue = true
    /// Retries the store holds for later.
    private var retriesWait = false

    init(lease: JobLease) {
        spec = lease.spec
        counters = lease.counters
        // What a former process had reached already ends this run at once.
        if lease.state == .cancelling { cancelled() }
        if let maxItems = spec.limits.maxItems, counters.items >= maxItems {
            stopNow(completed(.maxItems, skip: .maxItems))
        }
        if spec.onFailure == .stop, counters.failed > 0 { stopNow(Self.firstFailure) }
    }

    private static let firstFailure = JobEnd(state: .failed, reason: .firstFailure, skipRest: .firstFailure)

    private var window: Int { max(Self.minWindow, spec.fetch.concurrency * 2) }

    /// How many more pages may be taken. Retries were counted when they were new.
    private var room: Int { window - taken.count }

    /// How many of them may be new: what `max_pages` leaves.
    private var roomForNew: Int {
        guard let maxPages = spec.limits.maxPages else { return room }
        return min(room, maxPages - counters.fetched - counters.failed - taken.count - waiting)
    }

    /// What to do now. `linger`: whether to let a small batch grow.
    func next(linger: Bool) -> Step {
        if let end {
            return settlements.isEmpty ? .finish(end) : .settle
        }
        if !settlements.isEmpty, !linger || isBatchFull { return .settle }
        if room >= window / 4 || taken.isEmpty {
            if retriesMayBeDue { return .readRetries(limit: room + takenRetries.count) }
            if !frontierIsRead, roomForNew > 0 { return .readFrontier(limit: roomForNew) }
        }
        guard taken.isEmpty, settlements.isEmpty else { return .wait }
        if roomForNew <= 0, !retriesWait {
            let rest = counters.remaining > 0
            return .finish(exhausted(rest ? .maxPages : .finished, skip: rest ? .maxPages : nil))
        }
        return retriesWait ? .wait : .finish(exhausted(.finished, skip: nil))
    }

    private var isBatchFull: Bool {
        settlements.count >= min(Self.maxBatchPages, max(1, window / 4))
    }

    // MARK: Events

    /// Returns the pages that are new to this process: those to fetch.
    mutating func frontierRead(_ pages: [QueuedPage], limit: Int) -> [QueuedPage] {
        if pages.count < limit { frontierIsRead = true }
        if let last = pages.last { cursor = max(cursor, last.id) }
        return pages.filter { taken.insert($0.id).inserted }
    }

    mutating func retriesRead(_ window: RetryWindow) -> [QueuedPage] {
        let found = window.due.filter { !taken.contains($0.id) }
        let fresh = found.prefix(max(0, room))
        for page in fresh {
            taken.insert(page.id)
            takenRetries.insert(page.id)
        }
        waiting = max(0, window.total - takenRetries.count)
        // What did not fit is due still.
        retriesMayBeDue = fresh.count < found.count
        retriesWait = window.nextIn != nil
        return Array(fresh)
    }

    mutating func retryTimePassed() { retriesMayBeDue = true }

    /// What comes in after a limit was reached is dropped; after a cancel or a deadline it was fetched and counts.
    mutating func arrived(_ settlement: PageSettlement) {
        switch end?.reason {
        case nil, .cancelled, .maxDuration: settlements.append(settlement)
        default: untake(settlement.page)
        }
    }

    /// A page that was stopped in mid-fetch: it stays in the frontier.
    mutating func abandoned(_ page: QueuedPage) { untake(page) }

    private mutating func untake(_ page: QueuedPage) {
        taken.remove(page.id)
        takenRetries.remove(page.id)
    }

    /// The next batch, cut where a limit ends the job; what lies behind the cut was never fetched, as far as rows tell.
    mutating func takeBatch() -> [PageSettlement] {
        var batch: [PageSettlement] = []
        var items = counters.items
        var bytes = 0
        while let next = settlements.first, batch.count < Self.maxBatchPages, bytes < Self.maxBatchBytes {
            settlements.removeFirst()
            var settlement = next
            if case .fetched(var found, let links) = settlement.result {
                if let maxItems = spec.limits.maxItems {
                    found = Array(found.prefix(max(0, maxItems - items)))
                }
                items += found.count
                bytes += found.reduce(0) { $0 + $1.json.utf8.count }
                settlement.result = .fetched(items: found, links: links)
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
    private func verdict(after settlement: PageSettlement, items: Int) -> JobEnd? {
        if let maxItems = spec.limits.maxItems, items >= maxItems {
            return completed(.maxItems, skip: .maxItems)
        }
        if spec.onFailure == .stop, case .failed = settlement.result {
            return Self.firstFailure
        }
        return nil
    }

    mutating func settled(_ batch: [PageSettlement], _ outcome: SettleOutcome) {
        for settlement in batch {
            untake(settlement.page)
            if case .retry = settlement.result {
                retriesWait = true
                waiting += 1
            }
        }
        // Others may have added links to this shard as well: look again whenever something is unread.
        if outcome.counters.discovered > counters.discovered { frontierIsRead = false }
        counters = outcome.counters
        if outcome.state == .cancelling { cancelled() }
    }

    mutating func cancelled() {
        stopNow(JobEnd(state: .cancelled, reason: .cancelled, skipRest: .cancelled))
    }

    mutating func deadlinePassed() {
        stopNow(completed(.maxDuration, skip: .maxDuration))
    }

    mutating func broke(_ error: String) {
        dropSettlements()
        stopNow(JobEnd(state: .failed, reason: .internalError, skipRest: .internalError, error: error))
    }

    /// Their pages stay in the frontier, as if they had not been fetched.
    private mutating func dropSettlements() {
        for settlement in settlements { untake(settlement.page) }
        settlements = []
    }

    private mutating func stopNow(_ end: JobEnd) {
        if self.end == nil { self.end = end }
    }

    // MARK: Ends

    /// Everything that could be attempted was: `skip` is for what `max_pages` left over.
    private func exhausted(_ reason: StopReason, skip: SkipReason?) -> JobEnd {
        if counters.startFetched == 0, counters.failed > 0 {
            return JobEnd(state: .failed, reason: .startFailed, skipRest: skip)
        }
        return completed(reason, skip: skip)
    }

    private func completed(_ reason: StopReason, skip: SkipReason?) -> JobEnd {
        JobEnd(state: .completed, reason: reason, outcome: nil, skipRest: skip)
    }

    /// The outcome is judged by what is committed when the job ends.
    func judged(_ end: JobEnd) -> JobEnd {
        guard end.state == .completed else { return end }
        var end = end
        end.outcome = counters.items == 0 ? .empty : counters.failed > 0 ? .partial : .ok
        return end
    }
}
