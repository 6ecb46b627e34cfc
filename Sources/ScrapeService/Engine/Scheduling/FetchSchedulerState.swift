import HeapModule

/// Decides whose page is fetched next. Pure: no clock, no task; the time is given.
///
/// A page's turn is one of its job's permits, a place at its host and the host's time, all at once: a page that waits for
/// its host holds no permit, one that waits for its job's permits holds no place. Hosts take jobs in turn, jobs take
/// their hosts in turn. The unit of a line is a *pair*, a job at a host, so a turn costs the same however many pages
/// wait.
///
/// Between calls: a host that admits has nobody in its line, a job with a free permit has nobody in its own; a pair with
/// waiting pages is in one line.
struct FetchSchedulerState {
    /// A page in line.
    struct Ticket: Hashable, Sendable {
        let index: Int
        let number: Int
    }

    /// The right to fetch one page: given back in two steps, ``fetched(_:at:)`` then ``leave(_:at:)``.
    struct Turn: Hashable, Sendable {
        fileprivate let pair: Int
    }

    enum Entry: Equatable {
        case passes(Turn)
        case waits(Ticket)
    }

    private struct Waiting: Linked {
        let pair: Int
        let number: Int
        var link = Link()
    }

    /// When to look at a host or a job again. Some are outdated, and then there is nothing to do.
    private struct Wake: Comparable {
        enum Target: Equatable { case host(Int), job(Int) }

        var at: Moment
        var target: Target

        static func < (lhs: Wake, rhs: Wake) -> Bool { lhs.at < rhs.at }
    }

    var hosts = Slots<FetchHost>()
    var hostIndex: [String: Int] = [:]
    var jobs = Slots<FetchJob>()
    var jobIndex: [Int: Int] = [:]
    var pairs = Slots<FetchPair>()
    private var waiters = Slots<Waiting>()
    private var lastTicket = 0
    private var wakes = Heap<Wake>()
    private var granted: [(Ticket, Turn)] = []
    var sharing: Sharing

    /// `sharesHosts`: other replicas use the same hosts, and ``makeCall(ofAll:at:)`` tells what to ask the store.
    init(sharesHosts: Bool = false) { sharing = Sharing(isOn: sharesHosts) }

    /// When ``advance(to:)`` is to be called.
    var nextWake: Moment? { wakes.min?.at }
    var isEmpty: Bool { hosts.count == 0 && jobs.count == 0 && pairs.count == 0 && waiters.count == 0 }

    /// Pages whose turn came, in no particular order; each is told once.
    mutating func nextGranted() -> (Ticket, Turn)? { granted.popLast() }

    // MARK: Events

    /// Pages of these origins, one each, will enter: what they may use is kept for them, so that the first of them to
    /// come does not take every permit.
    mutating func expect(_ seat: JobSeat, _ origins: [String], at now: Moment) {
        let job = findJob(seat, at: now)
        for origin in origins {
            let pair = findPair(job, findHost(origin), seat, at: now)
            pairs[pair].peak += 1
        }
        review(job, at: now)
        serveJob(job, at: now)
    }

    /// No page of the job will enter any more.
    mutating func dismiss(_ seat: JobSeat, at now: Moment) {
        if let job = jobIndex[seat.number] { forgetIfIdle(job, at: now) }
    }

    /// A page of a job wants to be fetched. `crawlDelay`: what its host asks for, nanoseconds; nil: as
    /// before.
    mutating func enter(
        _ seat: JobSeat, origin: String, crawlDelay: Int64? = nil, at now: Moment
    ) -> Entry {
        let job = findJob(seat, at: now)
        let host = findHost(origin)
        let pair = findPair(job, host, seat, at: now)
        if let crawlDelay { setCrawlDelay(pair, crawlDelay, limit: seat.pace.limit, at: now) }
        reviewIfDue(job, at: now)
        if pairs[pair].waiters.isEmpty, hosts[host].line.isEmpty, admits(host, at: now),
            jobs[job].admits(pairs[pair])
        {
            return .passes(start(pair, at: now))
        }
        lastTicket += 1
        let ticket = Ticket(
            index: waiters.insert(Waiting(pair: pair, number: lastTicket)), number: lastTicket)
        pairs[pair].waiters.append(ticket.index, in: &waiters)
        jobs[job].waiting += 1
        hosts[host].waiting += 1
        if hosts[host].opensAt == .distantFuture, hosts[host].waiting == 1 { sharing.ask(origin) }
        if pairs[pair].place == .nowhere {
            if hosts[host].line.isEmpty, admits(host, at: now) {
                lineUpAtJob(pair)
            } else {
                lineUpAtHost(pair)
                serveHost(host, at: now)
            }
        }
        return .waits(ticket)
    }

    /// A page gives up. False: its turn has come already.
    mutating func cancel(_ ticket: Ticket, at now: Moment) -> Bool {
        guard let waiter = waiters.element(at: ticket.index), waiter.number == ticket.number else {
            return false
        }
        let pair = waiter.pair
        pairs[pair].waiters.remove(ticket.index, in: &waiters)
        waiters.remove(ticket.index)
        let job = pairs[pair].job
        jobs[job].waiting -= 1
        hosts[pairs[pair].host].waiting -= 1
        if pairs[pair].waiters.isEmpty { leaveLine(pair) }
        forgetIfIdle(job, at: now)
        return true
    }

    /// The answer has arrived, or there is none: the place at the host is free.
    mutating func fetched(_ turn: Turn, at now: Moment) {
        let host = pairs[turn.pair].host
        hosts[host].ended()
        serveHost(host, at: now)
    }

    /// The page is read: the permit is free.
    mutating func leave(_ turn: Turn, at now: Moment) {
        let pair = turn.pair
        let job = pairs[pair].job
        let unused = pairs[pair].unused
        pairs[pair].permits -= 1
        pairs[pair].ended += 1
        jobs[job].kept += pairs[pair].unused - unused
        jobs[job].held -= 1
        if pairs[pair].place == .beyondShare, pairs[pair].permits < pairs[pair].share {
            leaveLine(pair)
            lineUpAtJob(pair)
        }
        if forgetIfIdle(job, at: now) { return }
        reviewIfDue(job, at: now)
        serveJob(job, at: now)
    }

    /// Starts no fetch to `origin` before `time`; of several holds the longest counts.
    mutating func hold(_ origin: String, until time: Moment, at now: Moment) {
        let host = findHost(origin)
        hosts[host].hold(until: time, at: now)
        sharing.tell(origin, until: time)
        serveHost(host, at: now)
    }

    /// Time has passed: as far as ``nextWake``, or beyond.
    mutating func advance(to now: Moment) {
        while let wake = wakes.min, wake.at <= now {
            wakes.removeMin()
            switch wake.target {
            case .host(let index):
                guard hosts.element(at: index)?.wakeAt == wake.at else { continue }
                hosts[index].wakeAt = nil
                serveHost(index, at: now)
            case .job(let index):
                guard jobs.element(at: index)?.wakeAt == wake.at else { continue }
                jobs[index].wakeAt = nil
                reviewIfDue(index, at: now)
                serveJob(index, at: now)
            }
        }
    }

    // MARK: Turns

    private mutating func start(_ pair: Int, at now: Moment) -> Turn {
        let job = pairs[pair].job
        let unused = pairs[pair].unused
        pairs[pair].permits += 1
        pairs[pair].peak = max(pairs[pair].peak, pairs[pair].permits)
        jobs[job].kept += pairs[pair].unused - unused
        jobs[job].held += 1
        hosts[pairs[pair].host].started(at: now)
        return Turn(pair: pair)
    }

    private mutating func grant(_ pair: Int, at now: Moment) {
        guard let index = pairs[pair].waiters.popFirst(in: &waiters) else { return }
        let ticket = Ticket(index: index, number: waiters[index].number)
        waiters.remove(index)
        jobs[pairs[pair].job].waiting -= 1
        hosts[pairs[pair].host].waiting -= 1
        granted.append((ticket, start(pair, at: now)))
    }

    /// Gives the host's places to the jobs in its line, one each in turn, as long as it admits.
    mutating func serveHost(_ host: Int, at now: Moment) {
        while admits(host, at: now), let pair = hosts[host].line.popFirst(in: &pairs) {
            pairs[pair].place = .nowhere
            guard jobs[pairs[pair].job].admits(pairs[pair]) else {
                lineUpAtJob(pair)
                continue
            }
            grant(pair, at: now)
            if !pairs[pair].waiters.isEmpty { lineUpAtHost(pair) }
        }
        forgetOrWake(host, at: now)
    }

    /// Gives the job's permits to its hosts, one each in turn, as long as there are any.
    private mutating func serveJob(_ job: Int, at now: Moment) {
        while jobs[job].free > 0, let pair = jobs[job].line.popFirst(in: &pairs) {
            pairs[pair].place = .nowhere
            serve(pair, at: now)
        }
        while jobs[job].free > jobs[job].kept, let pair = jobs[job].beyondShare.popFirst(in: &pairs) {
            pairs[pair].place = .nowhere
            serve(pair, at: now)
        }
        wakeForReview(job)
    }

    /// What is kept for hosts that have nothing to fetch any more becomes free with the time.
    private mutating func wakeForReview(_ job: Int) {
        guard !jobs[job].beyondShare.isEmpty, jobs[job].wakeAt == nil else { return }
        jobs[job].wakeAt = jobs[job].nextReview
        wakes.insert(Wake(at: jobs[job].nextReview, target: .job(job)))
    }

    private mutating func serve(_ pair: Int, at now: Moment) {
        let host = pairs[pair].host
        guard hosts[host].line.isEmpty, admits(host, at: now) else {
            lineUpAtHost(pair)
            return serveHost(host, at: now)
        }
        guard jobs[pairs[pair].job].admits(pairs[pair]) else { return lineUpAtJob(pair) }
        grant(pair, at: now)
        if !pairs[pair].waiters.isEmpty { lineUpAtJob(pair) }
    }

    // MARK: Lines

    private mutating func lineUpAtHost(_ pair: Int) {
        pairs[pair].place = .host
        hosts[pairs[pair].host].line.append(pair, in: &pairs)
    }

    private mutating func lineUpAtJob(_ pair: Int) {
        if pairs[pair].permits < pairs[pair].share {
            pairs[pair].place = .job
            jobs[pairs[pair].job].line.append(pair, in: &pairs)
        } else {
            pairs[pair].place = .beyondShare
            jobs[pairs[pair].job].beyondShare.append(pair, in: &pairs)
            wakeForReview(pairs[pair].job)
        }
    }

    private mutating func leaveLine(_ pair: Int) {
        switch pairs[pair].place {
        case .nowhere: break
        case .host: hosts[pairs[pair].host].line.remove(pair, in: &pairs)
        case .job: jobs[pairs[pair].job].line.remove(pair, in: &pairs)
        case .beyondShare: jobs[pairs[pair].job].beyondShare.remove(pair, in: &pairs)
        }
        pairs[pair].place = .nowhere
    }

    // MARK: Coming and going

    private mutating func findJob(_ seat: JobSeat, at now: Moment) -> Int {
        if let job = jobIndex[seat.number] {
            if jobs[job].permits != seat.permits {
                jobs[job].permits = seat.permits
                review(job, at: now)
                serveJob(job, at: now)
            }
            return job
        }
        let job = jobs.insert(FetchJob(seat, now: now))
        jobIndex[seat.number] = job
        return job
    }

    private mutating func findHost(_ origin: String) -> Int {
        if let host = hostIndex[origin] {
            // It was given up and is still remembered for its time.
            if hosts[host].share == nil, let share = sharing.join(origin) {
                hosts[host].adopt(share, at: .distantPast)
            }
            return host
        }
        let host = hosts.insert(FetchHost(origin: origin, share: sharing.join(origin)))
        hostIndex[origin] = host
        return host
    }

    private mutating func findPair(_ job: Int, _ host: Int, _ seat: JobSeat, at now: Moment) -> Int {
        if let pair = jobs[job].pairs[host] {
            // Wanted again: a review must not take it away.
            pairs[pair].peak = max(1, pairs[pair].peak)
            return pair
        }
        let pair = pairs.insert(
            FetchPair(host: host, job: job, pace: FetchPace(seat), share: jobs[job].permits))
        jobs[job].pairs[host] = pair
        hosts[host].pairs.append(pair)
        adoptPace(host, at: now)
        return pair
    }

    private mutating func setCrawlDelay(_ pair: Int, _ delay: Int64, limit: Int, at now: Moment) {
        guard pairs[pair].pace.crawlDelay != delay else { return }
        pairs[pair].pace.crawlDelay = delay
        // A host that wants a pause wants no two at once either.
        pairs[pair].pace.limit = delay > 0 ? 1 : limit
        adoptPace(pairs[pair].host, at: now)
        serveHost(pairs[pair].host, at: now)
    }

    private mutating func adoptPace(_ host: Int, at now: Moment) {
        guard let first = hosts[host].pairs.first else { return }
        var pace = pairs[first].pace
        for pair in hosts[host].pairs.dropFirst() { pace.join(pairs[pair].pace) }
        hosts[host].adopt(pace, at: now)
    }

    private mutating func reviewIfDue(_ job: Int, at now: Moment) {
        if jobs[job].isReviewDue(at: now) { review(job, at: now) }
    }

    private mutating func review(_ job: Int, at now: Moment) {
        jobs[job].review(&pairs, at: now)
        for pair in jobs[job].pairs.values where pairs[pair].isIdle && pairs[pair].claim == 0 {
            remove(pair, at: now)
        }
    }

    /// A job without a page here leaves nothing behind.
    @discardableResult
    private mutating func forgetIfIdle(_ job: Int, at now: Moment) -> Bool {
        guard jobs[job].isIdle else { return false }
        for pair in jobs[job].pairs.values { remove(pair, at: now) }
        jobIndex[jobs[job].number] = nil
        jobs.remove(job)
        return true
    }

    private mutating func remove(_ pair: Int, at now: Moment) {
        let host = pairs[pair].host
        jobs[pairs[pair].job].pairs[host] = nil
        hosts[host].pairs.removeAll { $0 == pair }
        pairs.remove(pair)
        adoptPace(host, at: now)
        serveHost(host, at: now)
    }

    /// Comes back to the host when its time has come; forgets it where nobody needs it.
    mutating func forgetOrWake(_ host: Int, at now: Moment) {
        if hosts[host].isForgettable(at: now) {
            hostIndex[hosts[host].origin] = nil
            return hosts.remove(host)
        }
        let opensAt = hosts[host].opensAt
        guard !hosts[host].line.isEmpty || hosts[host].pairs.isEmpty, opensAt > now,
            opensAt != .distantFuture,
            hosts[host].wakeAt.map({ opensAt < $0 }) ?? true
        else { return }
        hosts[host].wakeAt = opensAt
        wakes.insert(Wake(at: opensAt, target: .host(host)))
    }

    private mutating func admits(_ host: Int, at now: Moment) -> Bool {
        hosts[host].admits(at: now) && (hosts[host].share == nil || now < sharing.trustedUntil)
    }
}
