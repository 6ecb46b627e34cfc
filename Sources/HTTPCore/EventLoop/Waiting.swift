import Synchronization

/// One suspended task: resumed once, by its event, its deadline or its cancellation, whichever is first.
///
/// Belongs to the loop's thread.
private final class Waiter {
    var continuation: CheckedContinuation<Void, any Error>?
    var timer: Timer?
    var registration: Registration?

    func finish(_ result: Result<Void, any Error>) {
        guard let continuation else { return }
        self.continuation = nil
        timer?.cancel()
        registration?.cancel()
        continuation.resume(with: result)
    }
}

// @unchecked: a box that crosses to the loop's thread and is opened only there.
private struct Confining<Value>: @unchecked Sendable {
    let value: Value
}

/// Waiting for a descriptor took longer than its deadline.
public struct DeadlineExceeded: Error, Hashable, Sendable {
    public init() {}
}

extension EventLoop {
    /// Suspends the task for `delay` on this loop's own timer heap; throws `CancellationError` as soon as it is cancelled.
    public func sleep(for delay: Duration) async throws {
        try await wait { loop, waiter in
            waiter.timer = loop.schedule(after: delay) { waiter.finish(.success(())) }
        }
    }

    /// Suspends the task until `descriptor` is ready for `interest`, at most until `deadline`.
    ///
    /// For occasional waits (a connect, a test); a connection keeps a `Registration` of its own.
    public func wait(
        for descriptor: Int32, _ interest: Readiness, until deadline: ContinuousClock.Instant? = nil
    ) async throws {
        try await wait { loop, waiter in
            waiter.registration = try loop.register(descriptor, interest) { _ in
                waiter.finish(.success(()))
            }
            if let deadline {
                waiter.timer = loop.schedule(at: deadline) { waiter.finish(.failure(DeadlineExceeded())) }
            }
        }
    }

    private func wait(_ begin: @escaping @Sendable (EventLoop, Waiter) throws -> Void) async throws {
        try Task.checkCancellation()
        let waiter = Confining(value: Waiter())
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation {
                (continuation: CheckedContinuation<Void, any Error>) in
                execute {
                    let waiter = waiter.value
                    waiter.continuation = continuation
                    do { try begin(self, waiter) } catch { waiter.finish(.failure(error)) }
                }
            }
        } onCancel: {
            execute { waiter.value.finish(.failure(CancellationError())) }
        }
    }
}
