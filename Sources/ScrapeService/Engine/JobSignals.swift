import HTTPCore
import Synchronization

/// Who is told at once that a job changed: the long polls of this process, and its engine. A hint, never the truth:
/// everybody who waits also looks at the store from time to time.
final class JobSignals: Sendable {
    private struct State {
        var watchers: [JobID: [ObjectIdentifier: Signal]] = [:]
        var workers: [ObjectIdentifier: Signal] = [:]
    }

    private let state = Mutex(State())

    /// There may be a job to claim, or one to cancel.
    func workArrived() {
        for signal in state.withLock({ Array($0.workers.values) }) { signal.notify() }
    }

    func changed(_ id: JobID) {
        for signal in state.withLock({ Array(($0.watchers[id] ?? [:]).values) }) { signal.notify() }
    }

    /// Tells `signal` of every arrival of work until ``unsubscribe(_:)``.
    func subscribe(_ signal: Signal) {
        state.withLock { $0.workers[ObjectIdentifier(signal)] = signal }
    }

    func unsubscribe(_ signal: Signal) {
        _ = state.withLock { $0.workers.removeValue(forKey: ObjectIdentifier(signal)) }
    }

    /// A signal of its own for `body`, notified whenever job `id` changes here.
    func watching<Value>(_ id: JobID, loop: EventLoop, _ body: (Signal) async throws -> Value) async rethrows
        -> Value
    {
        let signal = Signal(loop: loop)
        state.withLock { $0.watchers[id, default: [:]][ObjectIdentifier(signal)] = signal }
        defer {
            state.withLock { state in
                state.watchers[id]?[ObjectIdentifier(signal)] = nil
                if state.watchers[id]?.isEmpty == true { state.watchers[id] = nil }
            }
        }
        return try await body(signal)
    }
}
