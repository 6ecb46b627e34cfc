import HTTPCore

/// What the egress rule makes of a host.
enum HostVerdict: Sendable {
    case allowed(CurlRoute)
    /// One of its addresses may not be dialled, so none is.
    case refused
    /// The name has no address, or nobody can tell.
    case unresolved
}

/// Finds the addresses of hosts and judges each of them, before anything is dialled.
///
/// Names are looked up on threads of their own, a name once however many wait for it; answers are kept a short time.
/// Addresses, in whatever spelling, are judged like names.
///
// @unchecked: touched on the loop's thread only; the look-up threads hand their answers over to it.
final class HostResolver: @unchecked Sendable {
    typealias Completion = (Result<HostVerdict, CurlFailure>) -> Void

    private struct Waiter {
        let timer: HTTPCore.Timer
        let completion: Completion
    }

    private let loop: EventLoop
    private let egress: EgressPolicy
    private let settings: NameSettings
    private let threads: LookupThreads
    private var state: HostResolverState<HostVerdict>
    private var waiters: [UInt64: Waiter] = [:]
    private var requests: [URLHost: UInt64] = [:]
    private var isClosed = false

    init(loop: EventLoop, egress: EgressPolicy, settings: NameSettings) {
        self.loop = loop
        self.egress = egress
        self.settings = settings
        threads = LookupThreads(maxThreads: settings.maxThreads, lookUp: settings.lookUp)
        state = HostResolverState(maxEntries: settings.maxNames)
    }

    /// The verdict, where it takes no waiting.
    func verdict(on host: URLHost, at now: ContinuousClock.Instant) -> HostVerdict? {
        if let known = state.answer(for: host, at: now) { return known }
        guard let address = IPAddress(host.name) else { return nil }
        let verdict = judge(host, [address], isLiteral: true)
        _ = state.settle(host, verdict, until: now + .seconds(settings.answerSeconds), at: now)
        return verdict
    }

    /// Looks the host up; `completion` is called once, on the loop's thread, at `deadline` with `timeoutCause`.
    func wait(
        for host: URLHost, ticket: UInt64, until deadline: ContinuousClock.Instant,
        timeoutCause: CurlFailure.Cause, completion: @escaping Completion
    ) {
        guard !isClosed else { return completion(.failure(CurlFailure(cause: .cancelled))) }
        let timer = loop.schedule(at: deadline) { [unowned self] in end(ticket, timeoutCause) }
        waiters[ticket] = Waiter(timer: timer, completion: completion)
        guard state.join(ticket, for: host) else { return }
        requests[host] = threads.submit(host.name) { [self] found in
            loop.execute { self.settle(host, found) }
        }
    }

    /// Stops waiting at once. One that does not wait is no error.
    func cancel(_ ticket: UInt64) {
        end(ticket, .cancelled)
    }

    /// Ends every wait as cancelled, and the threads. Twice is fine.
    func close() {
        isClosed = true
        for ticket in Array(waiters.keys) { cancel(ticket) }
        threads.stop()
        state = HostResolverState(maxEntries: settings.maxNames)
    }

    private func end(_ ticket: UInt64, _ cause: CurlFailure.Cause) {
        guard let waiter = waiters.removeValue(forKey: ticket) else { return }
        if let unwanted = state.leave(ticket), let request = requests[unwanted], threads.withdraw(request) {
            requests[unwanted] = nil
            state.forget(unwanted)
        }
        waiter.timer.cancel()
        waiter.completion(.failure(CurlFailure(cause: cause)))
    }

    private func settle(_ host: URLHost, _ found: NameLookup) {
        guard !isClosed else { return }
        requests[host] = nil
        var (verdict, seconds) = (HostVerdict.unresolved, settings.failureSeconds)
        if case .addresses(let addresses) = found {
            (verdict, seconds) = (judge(host, addresses, isLiteral: false), settings.answerSeconds)
        }
        let now = ContinuousClock.now
        for ticket in state.settle(host, verdict, until: now + .seconds(seconds), at: now) {
            guard let waiter = waiters.removeValue(forKey: ticket) else { continue }
            waiter.timer.cancel()
            waiter.completion(.success(verdict))
        }
    }

    private func judge(_ host: URLHost, _ addresses: [IPAddress], isLiteral: Bool) -> HostVerdict {
        guard addresses.allSatisfy(egress.allows) else { return .refused }
        let tried = addresses.prefix(settings.maxAddresses)
        let route = CurlRoute(
            host: host.name, port: host.port, addresses: isLiteral ? [] : tried.map(\.text)
        ) { [egress] address, length in
            guard let address = IPAddress(address, length: length) else { return false }
            return tried.contains(address) && egress.allows(address)
        }
        return route.map { .allowed($0) } ?? .unresolved
    }
}
