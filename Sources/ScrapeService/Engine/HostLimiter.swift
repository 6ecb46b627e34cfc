import DequeModule
import HTTPCore
import Synchronization

/// How many fetches may be in flight to one origin, over all jobs of this process, first come, first served;
/// and until when an origin asked to be left alone.
final class HostLimiter: Sendable {
    private struct Host {
        var active = 0
        var heldUntil: ContinuousClock.Instant?
        var line = Deque<(waiter: Waiter, limit: Int)>()

        func admits(_ limit: Int) -> Bool {
            active < limit && (heldUntil.map { $0 <= .now } ?? true)
        }
    }

    private let loop: EventLoop
    private let hosts = Mutex<[String: Host]>([:])

    init(loop: EventLoop) { self.loop = loop }

    /// Suspends until fewer than `limit` fetches are in flight to `origin` and it is not held.
    /// Throws `CancellationError`, and then nothing is to be released.
    func acquire(_ origin: String, limit: Int) async throws {
        try await Waiter.suspend { waiter in
            hosts.withLock { hosts in
                var host = hosts[origin] ?? Host()
                let passes = host.line.isEmpty && host.admits(limit)
                if passes { host.active += 1 } else { host.line.append((waiter, limit)) }
                hosts[origin] = host
                return passes
            }
        } giveBack: {
            release(origin)
        }
    }

    func release(_ origin: String) {
        hosts.withLock { $0[origin]?.active -= 1 }
        admit(origin)
    }

    /// Starts no fetch to `origin` before `delay` has passed; of several holds the longest counts.
    func hold(_ origin: String, for delay: Duration) {
        let until = ContinuousClock.now + delay
        hosts.withLock { hosts in
            let former = hosts[origin]?.heldUntil ?? until
            hosts[origin, default: Host()].heldUntil = max(former, until)
        }
        loop.execute { [self] in
            loop.schedule(after: delay) { self.admit(origin) }
        }
    }

    /// Lets in whom there is room for; forgets an origin nobody uses.
    private func admit(_ origin: String) {
        while let next = nextInLine(origin) {
            if next.resume() { continue }
            // It was cancelled while it stood in line: its place is free again.
            hosts.withLock { $0[origin]?.active -= 1 }
        }
    }

    private func nextInLine(_ origin: String) -> Waiter? {
        hosts.withLock { hosts in
            guard var host = hosts[origin] else { return nil }
            guard let first = host.line.first else {
                if host.active == 0, host.admits(1) { hosts[origin] = nil }
                return nil
            }
            guard host.admits(first.limit) else { return nil }
            host.line.removeFirst()
            host.active += 1
            hosts[origin] = host
            return first.waiter
        }
    }
}
