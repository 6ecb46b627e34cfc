import DequeModule
import Synchronization

/// Permits for tasks: first come, first served. A waiter that is cancelled leaves the line and takes no permit with it.
final class AsyncSemaphore: Sendable {
    private struct State {
        var permits: Int
        /// Cancelled ones stay until a release finds them empty.
        var waiters = Deque<Waiter>()
    }

    private let state: Mutex<State>

    init(permits: Int) {
        precondition(permits > 0, "a semaphore without permits lets nobody pass")
        state = Mutex(State(permits: permits))
    }

    /// Permits nobody holds or waits for.
    var available: Int { state.withLock(\.permits) }

    /// Tasks in line, with those cancelled that no release has passed over yet.
    var waiting: Int { state.withLock(\.waiters.count) }

    /// Suspends until a permit is free. Throws `CancellationError`, and then holds none.
    func acquire() async throws {
        try await Waiter.suspend { waiter in
            state.withLock { state in
                if state.permits > 0 {
                    state.permits -= 1
                    return true
                }
                state.waiters.append(waiter)
                return false
            }
        } giveBack: {
            release()
        }
    }

    /// Gives a permit back, to the first waiter that is still there.
    func release() {
        while true {
            let next = state.withLock { state in
                if state.waiters.isEmpty { state.permits += 1 }
                return state.waiters.popFirst()
            }
            guard let next, !next.resume() else { return }
        }
    }
}
