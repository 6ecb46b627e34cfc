import Synchronization

/// A suspended task in a line: resumed by whoever takes its continuation, and exactly one does.
final class Waiter: Sendable {
    private let continuation: Mutex<CheckedContinuation<Void, any Error>?>

    init(_ continuation: CheckedContinuation<Void, any Error>) { self.continuation = Mutex(continuation) }

    /// False where it was resumed before: it is cancelled, and what it was to be given is free again.
    @discardableResult
    func resume(throwing error: (any Error)? = nil) -> Bool {
        let continuation = continuation.withLock { continuation in
            defer { continuation = nil }
            return continuation
        }
        guard let continuation else { return false }
        if let error { continuation.resume(throwing: error) } else { continuation.resume() }
        return true
    }

    /// Suspends the task. `enter` puts the waiter in line, or tells that it may pass at once; `giveBack` is called
    /// where it might have passed but was cancelled meanwhile. Throws `CancellationError`.
    static func suspend(
        enter: (Waiter) -> Bool, giveBack: () -> Void
    ) async throws {
        let mine = Mutex<Waiter?>(nil)
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation {
                (continuation: CheckedContinuation<Void, any Error>) in
                let waiter = Waiter(continuation)
                mine.withLock { $0 = waiter }
                if enter(waiter) {
                    if !waiter.resume() { giveBack() }
                } else if Task.isCancelled {
                    // The handler may have run before the waiter was there to be found.
                    waiter.resume(throwing: CancellationError())
                }
            }
        } onCancel: {
            mine.withLock(\.self)?.resume(throwing: CancellationError())
        }
    }
}
