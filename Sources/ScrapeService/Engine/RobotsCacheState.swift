/// What is known of the robots.txt of origins, and for how long. Pure: no clock, no task, no fetch.
struct RobotsCacheState {
    struct Limits: Sendable {
        /// Rules are fetched anew after this, so that what an owner changes is soon obeyed.
        var refreshInterval = Duration.seconds(3600)
        /// Rules that cannot be fetched anew are obeyed as long as this and no longer (RFC 9309 §2.4).
        var maxAge = Duration.seconds(24 * 3600)
        /// After a 5xx, a 429 or a time-out nothing is asked for so long: the pages that wait share one answer, and
        /// a site in trouble gets few requests. Longer where `Retry-After` says so.
        var failureAge = Duration.seconds(5)
        /// Origins remembered. Those not used for the longest time go first, an eighth at a time.
        var maxOrigins = 4096
        /// Memory of all rules: a file may cost a few MiB.
        var maxBytes = 32 << 20
    }

    /// What the origin's own server says, or that it says nothing now.
    enum Answer: Sendable {
        case rules(RobotsFile)
        /// Not to be fetched from until then.
        case unreachable(FailureCode, until: ContinuousClock.Instant)
    }

    private struct Entry {
        var rules: RobotsFile?
        var fetchedAt: ContinuousClock.Instant
        /// When the origin is to be asked again.
        var askAgainAt: ContinuousClock.Instant
        /// Why the last question went unanswered.
        var failure: FailureCode?
        var lastUse: Int

        var bytes: Int { 128 + (rules?.footprintBytes ?? 0) }
    }

    let limits: Limits
    private var entries: [String: Entry] = [:]
    private var uses = 0
    private(set) var bytes = 0

    init(limits: Limits) { self.limits = limits }

    var count: Int { entries.count }

    /// Nil: the origin is to be asked.
    mutating func answer(of origin: String, at now: ContinuousClock.Instant) -> Answer? {
        guard let entry = entries[origin], now < entry.askAgainAt else { return nil }
        uses += 1
        entries[origin]?.lastUse = uses
        return answer(entry, at: now)
    }

    /// Old rules stand in for an answer that did not come.
    private func answer(_ entry: Entry, at now: ContinuousClock.Instant) -> Answer? {
        if let rules = entry.rules, now < entry.fetchedAt + limits.maxAge { return .rules(rules) }
        return entry.failure.map { .unreachable($0, until: entry.askAgainAt) }
    }

    @discardableResult
    mutating func store(_ rules: RobotsFile, of origin: String, at now: ContinuousClock.Instant) -> Answer {
        put(
            Entry(
                rules: rules, fetchedAt: now, askAgainAt: now + min(limits.refreshInterval, limits.maxAge),
                lastUse: uses), origin)
        return .rules(rules)
    }

    /// `retryAfter`: what the origin asked for.
    mutating func storeFailure(
        _ code: FailureCode, retryAfter: Duration?, of origin: String, at now: ContinuousClock.Instant
    ) -> Answer {
        let until = now + max(limits.failureAge, retryAfter ?? .zero)
        let old = entries[origin]
        let entry = Entry(
            rules: old?.rules, fetchedAt: old?.fetchedAt ?? now, askAgainAt: until, failure: code,
            lastUse: uses)
        put(entry, origin)
        return answer(entry, at: now) ?? .unreachable(code, until: until)
    }

    // MARK: Bounds

    private mutating func put(_ entry: Entry, _ origin: String) {
        uses += 1
        var entry = entry
        entry.lastUse = uses
        bytes += entry.bytes - (entries[origin]?.bytes ?? 0)
        entries[origin] = entry
        if entries.count > limits.maxOrigins || bytes > limits.maxBytes { evict() }
    }

    private mutating func evict() {
        for (origin, entry) in entries.sorted(by: { $0.value.lastUse < $1.value.lastUse }) {
            if entries.count <= limits.maxOrigins * 7 / 8, bytes <= limits.maxBytes / 8 * 7 { return }
            entries[origin] = nil
            bytes -= entry.bytes
        }
    }
}
