/// What the scheduler knows of one origin: who fetches from it, and when the next request may leave.
struct FetchHost {
    let origin: String
    /// Pairs (a job at this host) that wait for a place or for the time, in their turn.
    var line = Line()
    /// Every pair of this host.
    var pairs: [Int] = []
    /// Fetches in flight from here.
    private(set) var active = 0
    /// Pages that wait, for whatever.
    var waiting = 0
    private(set) var heldUntil = Moment.distantPast
    private var lastStart = Moment.distantPast
    /// When the scheduler looks at this host again at the latest.
    var wakeAt: Moment?

    /// The pace of the most careful job that uses the host now; the last one's, while nobody does.
    private(set) var pace = FetchPace()
    /// What the other replicas leave to this one; nil: there are none.
    private(set) var share: HostShare?

    /// What follows from all that: fetches at once, and from when until when the next may start.
    private var limit = Int.max
    private(set) var opensAt = Moment.distantPast
    private var closesAt = Moment.distantFuture

    init(origin: String, share: HostShare?) {
        self.origin = origin
        self.share = share
        reckon(at: .distantPast)
    }

    /// Nothing that somebody who comes later must know.
    func isForgettable(at now: Moment) -> Bool {
        isIdle && opensAt <= now && share == nil
    }

    var isIdle: Bool { pairs.isEmpty && active == 0 }

    mutating func admits(at now: Moment) -> Bool {
        guard active < limit, opensAt <= now else { return false }
        if now > closesAt { reckon(at: now) }
        return opensAt <= now
    }

    /// Why a page waits; nil where it need not. Time comes first: a place that becomes free would not help.
    func reason(at now: Moment) -> (reason: HostWait.Reason, until: Moment?)? {
        if opensAt > now {
            if heldUntil == opensAt { return (.retryAfter, opensAt) }
            let until = opensAt == .distantFuture ? nil : opensAt
            return (pace.crawlDelay > 0 && pace.crawlDelay >= pace.interval ? .crawlDelay : .rate, until)
        }
        return active < limit ? nil : (.concurrency, nil)
    }

    // MARK: Events

    mutating func started(at now: Moment) {
        active += 1
        guard delay > 0 else { return }
        lastStart = now
        reckon(at: now)
    }

    mutating func ended() { active -= 1 }

    /// Of several holds the longest counts.
    mutating func hold(until time: Moment, at now: Moment) {
        heldUntil = max(heldUntil, time)
        reckon(at: now)
    }

    /// Who uses the host changed.
    mutating func adopt(_ pace: FetchPace, at now: Moment) {
        self.pace = pace
        reckon(at: now)
    }

    /// What the replicas share changed.
    mutating func adopt(_ share: HostShare?, at now: Moment) {
        self.share = share
        reckon(at: now)
    }

    // MARK: What follows

    /// Between two requests, nanoseconds.
    private var delay: Int64 { max(pace.delay, share?.delay ?? 0) }

    /// A request must lie within a window that the replicas have agreed on, where they space requests.
    private mutating func reckon(at now: Moment) {
        limit = min(pace.limit, share?.places ?? .max)
        opensAt = heldUntil
        closesAt = .distantFuture
        guard delay > 0 else { return }
        opensAt = max(opensAt, lastStart + delay)
        guard let share else { return }
        guard let window = share.window(atOrAfter: max(opensAt, now)) else {
            opensAt = .distantFuture
            return
        }
        opensAt = max(opensAt, window.lowerBound)
        closesAt = window.upperBound
    }
}

/// How many fetches at once, and how far apart. Of several, the slowest counts.
struct FetchPace: Equatable {
    /// Fetches in flight at once.
    var limit = Int.max
    /// Between two requests, nanoseconds, from the jobs' rates.
    var interval: Int64 = 0
    /// Between two requests, nanoseconds, from the host's robots.txt.
    var crawlDelay: Int64 = 0

    var delay: Int64 { max(interval, crawlDelay) }

    init() {}

    init(_ seat: JobSeat) {
        limit = seat.pace.limit
        interval = seat.pace.interval.wholeNanoseconds
    }

    mutating func join(_ other: FetchPace) {
        limit = min(limit, other.limit)
        interval = max(interval, other.interval)
        crawlDelay = max(crawlDelay, other.crawlDelay)
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
    /// Permits of its job: fetches in flight and pages being read.
    var permits = 0
    var pace: FetchPace
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
