import Synchronization

/// What this replica knows of itself and the others, as of its last heartbeat.
final class Membership: Sendable {
    private struct State {
        var trustedUntil = ContinuousClock.now
        var living = 1
    }

    private let state = Mutex(State())

    /// Until when this replica's leases are its own, by this machine's monotonic clock.
    var trustedUntil: ContinuousClock.Instant { state.withLock(\.trustedUntil) }

    var isTrusted: Bool { trustedUntil > .now }

    /// Replicas that live, this one included.
    var living: Int { state.withLock(\.living) }

    func confirmed(until: ContinuousClock.Instant, living: Int) {
        state.withLock {
            $0.trustedUntil = until
            $0.living = living
        }
    }
}
