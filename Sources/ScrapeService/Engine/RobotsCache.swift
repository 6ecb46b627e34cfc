import HTTPCore
import Synchronization

/// What robots.txt means for one page of one job.
enum RobotsVerdict: Sendable {
    /// To be fetched, with so much time between two fetches from the origin where its rules ask for it.
    case allowed(crawlDelay: Duration?)
    case disallowed
    /// The site's server has no answer now (5xx, 429, time-out): nothing may be fetched (RFC 9309 §2.3.1.4). To be
    /// asked again after `retryAfter`.
    case unreachable(FailureCode, retryAfter: Duration)
    /// There is no server to ask: the page fails as it would by itself.
    case failed(FetchFailure)

    var crawlDelay: Duration? {
        if case .allowed(let crawlDelay) = self { crawlDelay } else { nil }
    }
}

/// The robots.txt of every origin the jobs of this process fetch from (RFC 9309): each fetched once, whoever asks.
final class RobotsCache: Sendable {
    /// Fetches of robots.txt at once, over all jobs: more than slow hosts that a few jobs meet together.
    static let maxFetches = 256
    /// Its own say in a host's pace is none: each job brings its limits with its pages.
    static let politeness: Politeness = {
        var politeness = Politeness()
        politeness.perHostConcurrency = FetchPolicy.concurrencyRange.upperBound
        return politeness
    }()

    struct Limits: Sendable {
        var state = RobotsCacheState.Limits()
        /// RFC 9309 §2.3.1.2: five at least; more are taken for a file that is not there.
        var maxRedirects = 5
        /// For the whole file, if the job's own time-out is not shorter: a site whose robots.txt takes longer is in
        /// trouble.
        var timeout = Duration.seconds(20)
        var connectTimeout = Duration.seconds(10)
        /// Rules that cost more to look through are looked through on a worker: the loop has other pages to serve.
        var maxInlineCostBytes = 32 << 10
    }

    /// Sends the request for robots.txt, with whatever order and time-outs the job keeps.
    typealias Fetch = @Sendable (FetchRequest) async throws -> FetchResponse

    private enum Outcome: Sendable {
        case answer(RobotsCacheState.Answer)
        case failed(FetchFailure)
        case cancelled
    }

    /// One fetch and who waits for it.
    private final class Flight: Sendable {
        struct State {
            var waiters: [Waiter] = []
            var waiting = 0
            var outcome: Outcome?
            var task: Task<Void, Never>?
        }

        let state = Mutex(State())
    }

    private struct State {
        var cache: RobotsCacheState
        var flights: [String: Flight] = [:]
    }

    private let loop: EventLoop
    private let workers: WorkerPool
    private let limits: Limits
    private let state: Mutex<State>

    init(loop: EventLoop, workers: WorkerPool, limits: Limits = Limits()) {
        self.loop = loop
        self.workers = workers
        self.limits = limits
        state = Mutex(State(cache: RobotsCacheState(limits: limits.state)))
    }

    /// Whether the crawler that calls itself `userAgent` may fetch `url`. Suspends while robots.txt is fetched, with
    /// the `fetch` of whoever asked first. Throws `CancellationError`; the fetch goes on while others wait for it.
    func verdict(for url: WebURL, userAgent: String, fetch: @escaping Fetch) async throws -> RobotsVerdict {
        let origin = url.origin
        let known = state.withLock { $0.cache.answer(of: origin, at: .now) }
        if let known { return await judge(known, url, userAgent) }
        let flight = join(origin, userAgent, fetch)
        defer { leave(flight, origin) }
        try await wait(for: flight)
        switch flight.state.withLock(\.outcome) {
        case .answer(let answer): return await judge(answer, url, userAgent)
        case .failed(let failure): return .failed(failure)
        case .cancelled, nil: throw CancellationError()
        }
    }

    // MARK: Judging

    private func judge(
        _ answer: RobotsCacheState.Answer, _ url: WebURL, _ userAgent: String
    ) async -> RobotsVerdict {
        switch answer {
        case .unreachable(let code, let until):
            return .unreachable(code, retryAfter: max(.zero, until - .now))
        case .rules(let file):
            let token = ProductToken.ofField(userAgent)
            if file.cost(for: token) <= limits.maxInlineCostBytes { return Self.judge(file, url, token) }
            return await workers.run { Self.judge(file, url, token) }
        }
    }

    private static func judge(_ file: RobotsFile, _ url: WebURL, _ token: String?) -> RobotsVerdict {
        guard file.allows(url.target, for: token) else { return .disallowed }
        return .allowed(crawlDelay: file.rules(for: token).crawlDelay)
    }

    // MARK: Flights

    /// The flight under way to `origin`, or a new one.
    private func join(_ origin: String, _ userAgent: String, _ fetch: @escaping Fetch) -> Flight {
        state.withLock { state in
            if let flight = state.flights[origin] {
                flight.state.withLock { $0.waiting += 1 }
                return flight
            }
            let flight = Flight()
            state.flights[origin] = flight
            let request = FetchRequest(
                url: WebURL(canonical: origin + "/robots.txt"), timeout: limits.timeout,
                connectTimeout: limits.connectTimeout, maxRedirects: limits.maxRedirects,
                // One byte more than is read tells a file that was cut from one that just fits.
                maxBodyBytes: RobotsFile.maxBytes + 1, cutsBody: true, userAgent: userAgent)
            flight.state.withLock { flightState in
                flightState.waiting = 1
                flightState.task = Task.detached(executorPreference: LoopPreference(loop)) {
                    await self.fly(flight, origin, request, fetch)
                }
            }
            return flight
        }
    }

    private func wait(for flight: Flight) async throws {
        try await Waiter.suspend { waiter in
            flight.state.withLock { state in
                if state.outcome == nil { state.waiters.append(waiter) }
                return state.outcome != nil
            }
        } giveBack: {
        }
    }

    /// The last one to leave ends a fetch that nobody waits for.
    private func leave(_ flight: Flight, _ origin: String) {
        let abandoned = state.withLock { state -> Task<Void, Never>? in
            let (waiting, task) = flight.state.withLock { flight in
                flight.waiting -= 1
                return (flight.waiting, flight.outcome == nil ? flight.task : nil)
            }
            guard waiting == 0, let task else { return nil }
            if state.flights[origin] === flight { state.flights[origin] = nil }
            return task
        }
        abandoned?.cancel()
    }

    private func fly(
        _ flight: Flight, _ origin: String, _ request: FetchRequest, _ fetch: @escaping Fetch
    ) async {
        let found = await ask(request, fetch)
        let waiters = state.withLock { state in
            let outcome = Self.record(found, of: origin, in: &state.cache)
            if state.flights[origin] === flight { state.flights[origin] = nil }
            return flight.state.withLock { flight in
                flight.outcome = outcome
                defer { flight.waiters = [] }
                return flight.waiters
            }
        }
        for waiter in waiters { waiter.resume() }
    }

    /// What a fetch of robots.txt came to.
    private enum Found: Sendable {
        case rules(RobotsFile)
        case unreachable(FailureCode, retryAfter: Duration?)
        case failed(FetchFailure)
        case cancelled
    }

    private func ask(_ request: FetchRequest, _ fetch: @escaping Fetch) async -> Found {
        do {
            let response = try await fetch(request)
            switch response.status {
            case 200...299:
                let body = response.body
                return .rules(await workers.run { RobotsFile(body) })
            // The RFC would let us fetch, as after other 4xx; but who asks for fewer requests gets none.
            case 429, 500...599:
                let asked = RetryPolicy.retryAfter(response.retryAfter)
                return .unreachable(.http(response.status), retryAfter: asked)
            // RFC 9309 §2.3.1.3: not available, 401 and 403 included, so nothing is forbidden.
            default: return .rules(.allowingAll)
            }
        } catch let failure as FetchFailure {
            switch failure.code {
            // RFC 9309 §2.3.1.2.
            case .tooManyRedirects: return .rules(.allowingAll)
            case .timeout where !failure.timedOutConnecting: return .unreachable(.timeout, retryAfter: nil)
            // Its server is there: it led elsewhere, or sent what nobody reads.
            case let code where failure.wasRedirected: return .unreachable(code, retryAfter: nil)
            case .tooLarge: return .unreachable(.tooLarge, retryAfter: nil)
            default: return .failed(failure)
            }
        } catch {
            return .cancelled
        }
    }

    private static func record(_ found: Found, of origin: String, in cache: inout RobotsCacheState) -> Outcome
    {
        let now = ContinuousClock.now
        switch found {
        case .rules(let file): return .answer(cache.store(file, of: origin, at: now))
        case .unreachable(let code, let retryAfter):
            return .answer(cache.storeFailure(code, retryAfter: retryAfter, of: origin, at: now))
        case .failed(let failure): return .failed(failure)
        case .cancelled: return .cancelled
        }
    }
}
