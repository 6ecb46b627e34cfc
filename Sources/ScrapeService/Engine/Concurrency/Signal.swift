import HTTPCore
import Synchronization

/// Wakes one task that waits for "something happened", or for a time. Signals between two waits are one.
final class Signal: Sendable {
    private struct State {
        var pending = false
        /// Grows with each wait: a late timer finds that its wait is over.
        var round = 0
        var continuation: CheckedContinuation<Void, Never>?
    }

    private let loop: EventLoop
    private let state = Mutex(State())

    init(loop: EventLoop) { self.loop = loop }

    func notify() {
        state.withLock { state in
            if state.continuation == nil { state.pending = true }
            defer { state.continuation = nil }
            return state.continuation
        }?.resume()
    }

    /// Returns once notified (or if it was since the last wait), after `limit`, or when the task is cancelled.
    func wait(atMost limit: Duration) async {
        await withTaskCancellationHandler {
            await withCheckedContinuation { (continuation: CheckedContinuation<Void, Never>) in
                guard let round = begin(continuation) else { return continuation.resume() }
                loop.execute { [self] in
                    // Timers of waits that are over leave the heap by themselves; they are short.
                    loop.schedule(after: limit) { self.expire(round) }
                }
            }
        } onCancel: {
            notify()
        }
    }

    /// Nil where there is nothing to wait for.
    private func begin(_ continuation: CheckedContinuation<Void, Never>) -> Int? {
        state.withLock { state in
            if state.pending || Task.isCancelled {
                state.pending = false
                return nil
            }
            state.round += 1
            state.continuation = continuation
            return state.round
        }
    }

    private func expire(_ round: Int) {
        state.withLock { state in
            guard state.round == round else { return CheckedContinuation<Void, Never>?.none }
            defer { state.continuation = nil }
            return state.continuation
        }?.resume()
    }
}
