import Glibc

/// One suspended task: resumed once, by its event, its deadline or its cancellation, whichever is first.
// @unchecked: touched on the loop's thread only.
final class Waiter: @unchecked Sendable {
    fileprivate var continuation: CheckedContinuation<Void, any Error>?
    fileprivate var timer: Timer?
    fileprivate var registration: Registration?
    /// A cancellation can come before the wait has begun.
    fileprivate var cancelled = false

    func finish(_ result: Result<Void, any Error>) {
        guard let continuation else { return }
        self.continuation = nil
        timer?.cancel()
        registration?.cancel()
        continuation.resume(with: result)
    }
}

/// Waiting for a descriptor took longer than its deadline.
public struct DeadlineExceeded: Error, Hashable, Sendable {
    /// For a wait of one's own.
    public init() {}
}

extension EventLoop {
    /// Suspends the task for `delay` on this loop's own timer heap; throws `CancellationError` as soon as it is cancelled.
    public func sleep(for delay: Duration) async throws {
        try await suspend { loop, waiter in
            waiter.timer = loop.schedule(after: delay) { waiter.finish(.success(())) }
        }
    }

    /// Suspends the task until `descriptor` is ready for `interest`, at most until `deadline`.
    ///
    /// For occasional waits (a connect, a test); a connection keeps a `Registration` of its own. A second wait on the
    /// same descriptor ends the first with `SystemError` `EBUSY`.
    public func wait(
        for descriptor: Int32, _ interest: Readiness, until deadline: ContinuousClock.Instant? = nil
    ) async throws {
        try await suspend { loop, waiter in
            let registration = try loop.register(descriptor, interest) { _ in waiter.finish(.success(())) }
            registration.whenReplaced = {
                waiter.finish(.failure(SystemError(call: "wait", errno: EBUSY)))
            }
            waiter.registration = registration
            if let deadline {
                waiter.timer = loop.schedule(at: deadline) { waiter.finish(.failure(DeadlineExceeded())) }
            }
        }
    }

    /// Lets everything that is queued run first: for work that would otherwise hold the loop.
    public func yield() async {
        await withCheckedContinuation { continuation in execute { continuation.resume() } }
    }

    /// Suspends the task after `begin`, on the loop's thread, until the waiter is finished or the task cancelled.
    func suspend(_ begin: @escaping @Sendable (EventLoop, Waiter) throws -> Void) async throws {
        try Task.checkCancellation()
        let waiter = Waiter()
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation {
                (continuation: CheckedContinuation<Void, any Error>) in
                execute {
                    waiter.continuation = continuation
                    if waiter.cancelled { return waiter.finish(.failure(CancellationError())) }
                    do { try begin(self, waiter) } catch { waiter.finish(.failure(error)) }
                }
            }
        } onCancel: {
            execute {
                waiter.cancelled = true
                waiter.finish(.failure(CancellationError()))
            }
        }
    }
}
