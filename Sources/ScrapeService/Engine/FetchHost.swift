/// What the scheduler knows of one origin: who fetches from it, and when the next request may leave.
struct FetchHost {
    let origin: String
    /// Pairs (a job at this host) that wait for a place or for the time, in their turn.
    var line = Line()
    /// Every pair of this host.
    var pairs: [Int] = []
    /// Fetches in flight from here.
    var active = 0
    private(set) var heldUntil: ContinuousClock.Instant?
    private(set) var lastStart: ContinuousClock.Instant?
    /// When the scheduler looks at this host again at the latest.
    var wakeAt: ContinuousClock.Instant?

    /// The pace of the most careful job that uses the host now; the last one's, while nobody does.
    private(set) var pace = Pace()

    struct Pace: Equatable {
        /// Fetches in flight at once.
        var limit = Int.max
        /// Between two requests, from the jobs' rates.
        var interval = Duration.zero
        /// Between two requests, from the host's robots.txt.
        var crawlDelay = Duration.zero

        init() {}

        init(_ seat: JobSeat) {
            limit = seat.pace.limit
            interval = seat.pace.interval
        }

        var delay: Duration { max(interval, crawlDelay) }

        mutating func join(_ other: Pace) {
            limit = min(limit, other.limit)
            interval = max(interval, other.interval)
            crawlDelay = max(crawlDelay, other.crawlDelay)
        }
    }

    init(origin: String) { self.origin = origin }

    /// Nothing that somebody who comes later must know.
    func isForgettable(at now: ContinuousClock.Instant) -> Bool {
        pairs.isEmpty && active == 0 && opensAt.map { $0 <= now } ?? true
    }

    /// When time alone lets the next request leave; nil: it could have left always.
    var opensAt: ContinuousClock.Instant? {
        let paced = pace.delay > .zero ? lastStart.map { $0 + pace.delay } : nil
        guard let heldUntil, let paced else { return heldUntil ?? paced }
        return max(heldUntil, paced)
    }

    func admits(at now: ContinuousClock.Instant) -> Bool {
        active < pace.limit && opensAt.map { $0 <= now } ?? true
    }

    /// Why a page waits; nil where it need not. Time comes first: a place that becomes free would not help.
    func reason(at now: ContinuousClock.Instant) -> (
        reason: HostWait.Reason, until: ContinuousClock.Instant?
    )? {
        if let opensAt, opensAt > now {
            if heldUntil == opensAt { return (.retryAfter, opensAt) }
            return (pace.crawlDelay >= pace.interval ? .crawlDelay : .rate, opensAt)
        }
        return active < pace.limit ? nil : (.concurrency, nil)
    }

    mutating func started(at now: ContinuousClock.Instant) {
        active += 1
        if pace.delay > .zero { lastStart = now }
    }

    /// Of several holds the longest counts.
    mutating func hold(until time: ContinuousClock.Instant) {
        heldUntil = max(heldUntil ?? time, time)
    }

    /// Who uses the host changed.
    mutating func adopt(_ pace: Pace?) {
        if let pace { self.pace = pace }
    }
}

/// A job at a host: its pages that wait, and what it uses.
struct FetchPair: Linked {
    enum Place {
        case nowhere
        /// In the host's line: it waits for a place or for the time.
        case host
        /// In its job's line: the host would admit it, it waits for a permit.
        case job
        /// In its job's second line: there is a permit, but it has its share and the rest is others'.
        case beyondShare
    }

    let host: Int
    let job: Int
    var link = Link()
    var place = Place.nowhere
    var waiters = Line()
    /// Fetches in flight.
    var fetching = 0
    /// Permits of its job: fetches in flight and pages being read.
    var permits = 0
    var pace: FetchHost.Pace
    /// Permits it had at once lately, never more than ``share``: kept for it while others want them.
    var claim = 0
    /// Most permits at once since the last review.
    var peak = 1
    /// Turns ended lately; halves with each review.
    var ended = 0
    /// Permits it may have while its job's permits are short.
    var share: Int

    /// Permits that are kept for it.
    var unused: Int { max(0, claim - permits) }
    var isIdle: Bool { permits == 0 && waiters.isEmpty }
}
