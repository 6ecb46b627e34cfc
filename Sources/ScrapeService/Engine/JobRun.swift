import Foundation
import HTTPCore
import Logging

/// One shard of a job being worked on under one lease: acts on what ``JobRunState`` decides, until the job is over, the lease is
/// lost, or the process stops.
///
/// One task reads the frontier and settles batches; each page is a child task of it. Memory holds a bounded window of
/// the frontier, so a job's size costs nothing.
actor JobRun {
    /// A batch smaller than full waits this long for more pages to share its commit.
    private static let linger = Duration.milliseconds(10)
    /// How often gauges are published while nothing is settled: what a status read shows is at most this old.
    private static let gaugeInterval = Duration.milliseconds(250)
    /// However often somebody signals: each of these is a commit.
    private static let minPublishInterval = Duration.milliseconds(50)
    /// How often an idle run asks the store whether the job was cancelled elsewhere.
    private static let pollInterval = Duration.seconds(1)
    /// Pause before the store is tried again after it failed.
    private static let storeBackoff = Duration.milliseconds(500)
    /// A due retry that found no room is looked for again this much later at the earliest.
    private static let minRetryDelay = Duration.milliseconds(50)
    /// How often a run whose `max_pages` others hold asks whether they gave some back.
    private static let quotaInterval = Duration.milliseconds(250)
    /// How often a run asks itself whether other replicas should take a part of its work.
    private static let splitInterval = Duration.seconds(1)
    /// A job that ends moves what was never fetched to the ledger first, but is not kept from ending for longer.
    private static let maxSweep = Duration.seconds(2)

    let context: EngineContext
    let lease: JobLease
    var seat: JobSeat
    let pages: JobPages
    let signal: Signal
    let logger: Logger
    var work: [String: PageWork] = [:]
    var state: JobRunState
    private var meter = RateMeter()
    var inFlight = 0
    var uploads = Uploads()
    private var published = JobGauges()
    private var publishedAt = ContinuousClock.now
    private var lookedAtHosts = ContinuousClock.now
    private var nextRetry: ContinuousClock.Instant?
    var firstUnsettled: ContinuousClock.Instant?
    private var stopping = false
    private var aborted = false
    private var mustPublish = false
    /// Page tasks that have not ended.
    var running = 0
    /// A batch the store has not answered for: sent again as it is, for it may be there already.
    var unanswered: [PageSettlement]?
    private var reservedAt = ContinuousClock.now
    private var askedToSplit = ContinuousClock.now
    /// The lease is still ours when the run ends, and the job is not over.
    private var mustRelease = false

    nonisolated var unownedExecutor: UnownedSerialExecutor { context.loop.asUnownedSerialExecutor() }

    init(_ lease: JobLease, _ context: EngineContext) {
        self.lease = lease
        self.context = context
        signal = Signal(loop: context.loop)
        state = JobRunState(lease: lease)
        seat = context.fetches.makeSeat(permits: state.permits, lease.spec.politeness)
        var logger = context.logger
        logger[metadataKey: "job_id"] = "\(lease.job)"
        logger[metadataKey: "shard"] = "\(lease.shard)"
        self.logger = logger
        pages = JobPages(lease.spec, context, logger: logger)
    }

    /// Works until the job is over or the lease is gone. Never throws: what goes wrong is in the ledger and the log.
    func run() async {
        logger.info("job run begins", metadata: ["epoch": "\(lease.epoch)"])
        compilePlans()
        await recallUploads()
        let deadline = scheduleDeadline()
        defer { deadline?.cancel() }
        await withDiscardingTaskGroup { group in
            while await step(in: &group) {}
            group.cancelAll()
        }
        context.fetches.dismiss(seat)
        if mustRelease { await release() }
        logger.info("job run ends")
    }

    /// Whoever holds a lease and does not work on it keeps everybody from the job.
    private func release() async {
        do {
            try await context.store.release(lease)
        } catch {
            logger.warning("the lease was left to expire", metadata: ["cause": "\(error)"])
        }
    }

    /// Stops fetching, settles what is fetched, gives the lease back. ``run()`` returns soon after.
    func stop() {
        stopping = true
        signal.notify()
    }

    /// The lease is lost: stop at once, write nothing more.
    func abort() {
        aborted = true
        stop()
    }

    /// Something about the job changed elsewhere in this process: look at the store now.
    func look() {
        mustPublish = true
        signal.notify()
    }

    // MARK: Beginning

    private func compilePlans() {
        for kind in lease.spec.pages {
            do {
                let plan = try context.compiler.compile(kind)
                work[kind.name] = try PageWork(kind: kind, plan: plan, urls: context.urls)
            } catch {
                // Accepted by another version of the service, which understood more.
                state.broke("page kind \(kind.name): \(error)")
            }
        }
    }

    private func scheduleDeadline() -> HTTPCore.Timer? {
        guard let seconds = lease.spec.limits.maxDurationSeconds else { return nil }
        return context.loop.schedule(after: .seconds(seconds) - lease.elapsed) { [weak self] in
            self?.assumeIsolated { run in
                run.state.deadlinePassed()
                run.signal.notify()
            }
        }
    }

    // MARK: One step

    /// False: the run is over.
    private func step(in group: inout DiscardingTaskGroup) async -> Bool {
        if aborted { return false }
        if stopping || state.isPaused { return await drain(&group) }
        // From here on no request leaves.
        if state.end != nil { group.cancelAll() }
        if let nextRetry, nextRetry <= .now {
            self.nextRetry = nil
            state.retryTimePassed()
        }
        do {
            if unanswered != nil { return try await settle() }
            if try await !split() { return false }
            switch state.next(linger: lingers) {
            case .readLevel:
                try await readLevel()
            case .readFrontier(let limit, let origins):
                start(try await readFrontier(limit, passingOver: origins), in: &group)
            case .readOrigin(let origin, let cursor, let limit):
                start(try await readOrigin(origin, after: cursor, limit), in: &group)
            case .readRetries(let limit, let origins):
                let window = try await context.store.retries(lease, limit: limit, passingOver: origins)
                if let nextIn = window.nextIn { retryIsDue(in: max(nextIn, Self.minRetryDelay)) }
                start(state.retriesRead(window), in: &group)
            case .reserve(let more):
                return try await reserve(more)
            case .settle:
                return try await settle()
            case .finish(let end):
                return try await finish(end, &group)
            case .wait:
                return try await rest()
            }
            return true
        } catch {
            return await survive(error)
        }
    }

    private var lingers: Bool {
        guard let firstUnsettled else { return false }
        return ContinuousClock.now - firstUnsettled < Self.linger
    }

    /// Gives a part of the frontier to another replica where one has time. False: the lease is lost.
    private func split() async throws -> Bool {
        let now = ContinuousClock.now
        guard now - askedToSplit >= Self.splitInterval else { return true }
        askedToSplit = now
        guard let (cursor, quota) = state.split(replicas: context.membership.living) else { return true }
        state.splitBegins()
        guard let moved = try await context.store.split(lease, after: cursor, quota: quota) else {
            return leaseWasLost()
        }
        state.splitDone(moved)
        if moved > 0 { logger.info("pages offered to other replicas", metadata: ["pages": "\(moved)"]) }
        return true
    }

    /// False: the lease is lost.
    private func reserve(_ more: Int) async throws -> Bool {
        guard let maxPages = lease.spec.limits.maxPages,
            let reservation = try await context.store.reserve(lease, more: more, of: maxPages)
        else { return leaseWasLost() }
        reservedAt = .now
        state.reserved(reservation)
        return true
    }

    private func leaseWasLost() -> Bool {
        logger.notice("lease lost: another process works on this shard")
        return false
    }

    private func start(_ pages: [QueuedPage], in group: inout DiscardingTaskGroup) {
        running += pages.count
        context.fetches.expect(seat, pages.map(\.url.origin))
        for page in pages {
            group.addTask { await self.process(page) }
        }
    }

    private func retryIsDue(in delay: Duration) {
        let due = ContinuousClock.now + delay
        nextRetry = min(nextRetry ?? due, due)
    }

    /// Waits for a page, a retry, a signal, or the time to publish the gauges.
    private func rest() async throws -> Bool {
        let now = ContinuousClock.now
        let interval =
            mustPublish
            ? Self.minPublishInterval
            : gauges.inFlight == published.inFlight ? Self.pollInterval : Self.gaugeInterval
        if now - publishedAt >= interval {
            return try await settle()
        }
        if state.waitsForQuota, now - reservedAt >= Self.quotaInterval {
            state.mayReserveAgain()
            return true
        }
        var until = publishedAt + interval
        if state.waitsForQuota { until = min(until, reservedAt + Self.quotaInterval) }
        if let nextRetry { until = min(until, nextRetry) }
        if let firstUnsettled { until = min(until, firstUnsettled + Self.linger) }
        await signal.wait(atMost: max(.milliseconds(1), until - now))
        return true
    }

    // MARK: Settling

    private var gauges: JobGauges {
        let rates = meter.rates(at: .now)
        return JobGauges(inFlight: inFlight, pagesPerSecond: rates.pages, itemsPerSecond: rates.items)
    }

    /// False: the lease is lost.
    private func settle() async throws -> Bool {
        mustPublish = false
        let batch = try await nextBatch()
        firstUnsettled = state.settlements.isEmpty ? nil : .now
        var gauges = gauges
        // Which hosts wait is worth a look over all of them now and then, not with every batch.
        gauges.hosts = published.hosts
        if .now - lookedAtHosts >= Self.gaugeInterval {
            gauges.hosts = context.fetches.waits(of: seat)
            lookedAtHosts = .now
        }
        let outcome = try await commit(batch, gauges)
        unanswered = nil
        guard outcome.leaseHeld else {
            return leaseWasLost()
        }
        publishedAt = .now
        published = gauges
        context.metrics.settled(from: state.counters, to: outcome.counters)
        meter.add(
            pages: outcome.counters.fetched + outcome.counters.failed - state.counters.fetched
                - state.counters.failed,
            items: outcome.counters.items - state.counters.items, at: .now)
        for settlement in batch {
            if case .retry(_, let after) = settlement.result { retryIsDue(in: after) }
        }
        let changed = !batch.isEmpty || outcome.ending != nil
        state.settled(batch, outcome)
        if seat.permits != state.permits {
            seat.permits = state.permits
            context.fetches.expect(seat, [])
        }
        if changed { context.signals.changed(lease.job) }
        return true
    }

    /// A batch the store refuses is sent page by page, and the page it refuses becomes a failure of that page alone.
    private func commit(_ batch: [PageSettlement], _ gauges: JobGauges) async throws -> SettleOutcome {
        do {
            return try await context.store.settle(lease, batch, gauges: gauges)
        } catch StoreError.failed(let cause) where batch.count == 1 && !batch[0].isRefusal {
            logger.error(
                "a page could not be stored",
                metadata: ["url": "\(batch[0].page.url.text)", "cause": "\(cause)"])
            return try await commit([batch[0].refused], gauges)
        } catch StoreError.failed(let cause) where batch.count > 1 {
            logger.error("a batch could not be stored, trying page by page", metadata: ["cause": "\(cause)"])
            var outcome = try await commit([batch[0]], gauges)
            for settlement in batch.dropFirst() where outcome.leaseHeld {
                outcome = try await commit([settlement], gauges)
            }
            return outcome
        }
    }

    // MARK: Ending

    private func finish(_ end: JobEnd, _ group: inout DiscardingTaskGroup) async throws -> Bool {
        group.cancelAll()
        await pagesEnded()
        if aborted || !state.settlements.isEmpty { return true }
        if let error = end.error { logger.error("job failed", metadata: ["cause": "\(error)"]) }
        if end.reason != .finished {
            // Decided before anything is skipped: whoever takes over after a crash ends the job for this reason.
            guard try await context.store.decide(lease, end) else { return leaseWasLost() }
            let start = ContinuousClock.now
            while ContinuousClock.now - start < Self.maxSweep {
                guard let more = try await context.store.skipRest(lease, end.reason) else {
                    return leaseWasLost()
                }
                if !more { break }
            }
        }
        switch try await context.store.close(lease) {
        case .ended(let reason):
            context.metrics.jobEnded(reason)
        case .closed:
            logger.info("this shard is done, others go on")
        case .lost:
            return leaseWasLost()
        case .open:
            logger.notice("the shard could not be ended here")
            mustRelease = true
        }
        context.signals.changed(lease.job)
        return false
    }

    private func pagesEnded() async {
        while running > 0, !aborted { await signal.wait(atMost: Self.pollInterval) }
    }

    /// Stops fetching, writes what is fetched, gives the lease back.
    private func drain(_ group: inout DiscardingTaskGroup) async -> Bool {
        group.cancelAll()
        await pagesEnded()
        mustRelease = true
        do {
            while unanswered != nil || !state.settlements.isEmpty {
                if try await !settle() { mustRelease = false; break }
            }
        } catch {
            logger.warning("fetched pages will be fetched again", metadata: ["cause": "\(error)"])
        }
        return false
    }

    /// The store did not answer: wait and go on. It refused: the job cannot be worked on.
    private func survive(_ error: any Error) async -> Bool {
        await signal.wait(atMost: Self.storeBackoff)
        if case StoreError.unavailable(let cause)? = error as? StoreError {
            logger.warning("store unavailable, the job pauses", metadata: ["cause": "\(cause)"])
            return true
        }
        if state.end?.reason == .internalError {
            logger.error("giving the job up for now", metadata: ["cause": "\(error)"])
            mustRelease = true
            return false
        }
        unanswered = nil
        state.broke("\(error)")
        return true
    }
}

extension PageSettlement {
    /// The store did not take what the page gave: the page fails, the others of its batch do not.
    fileprivate var refused: PageSettlement {
        var settlement = self
        settlement.result = .failed(.internalError)
        settlement.detail = "could not be stored"
        return settlement
    }

    fileprivate var isRefusal: Bool {
        if case .failed(.internalError) = result { return true }
        return false
    }
}
