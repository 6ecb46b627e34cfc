import Foundation
import Synchronization

/// Runs `body` on a thread of its own, with a stack of that size, and waits for it.
func onThread<Value: Sendable>(stackBytes: Int, _ body: @escaping @Sendable () throws -> Value) throws
    -> Value
{
    let box = OutcomeBox<Value>()
    let done = DispatchSemaphore(value: 0)
    let thread = Thread {
        let result = Result { try body() }
        box.outcome.withLock { $0 = result }
        done.signal()
    }
    thread.stackSize = stackBytes
    thread.start()
    done.wait()
    guard let result = box.outcome.withLock({ $0 }) else { throw CancellationError() }
    return try result.get()
}

private final class OutcomeBox<Value: Sendable>: Sendable {
    let outcome = Mutex<Result<Value, any Error>?>(nil)
}
