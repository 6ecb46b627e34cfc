import DequeModule
import Foundation
import Synchronization

/// Threads for work that computes: parsing and extraction, off the event loops and off Swift's own pool, which a few
/// long computations would stop.
///
// @unchecked: `work` and `stopping` are touched only between `condition.lock()` and `unlock()`.
final class WorkerPool: @unchecked Sendable {
    /// Workers give way to the loops, so that a status read stays fast while every core parses (nice(2)).
    private static let niceness: Int32 = 5

    private let condition = NSCondition()
    private var work = Deque<@Sendable () -> Void>()
    private var stopping = false

    /// `threads`: as many as there are cores to compute on.
    init(threads: Int) {
        for number in 0..<max(1, threads) {
            let thread = Thread { [self] in serve() }
            thread.name = "worker-\(number)"
            // libxml2 descends a tree as deep as it lets a page nest.
            thread.stackSize = 4 << 20
            thread.start()
        }
    }

    /// Runs `body` on a worker, after what was submitted before, and returns what it does.
    func run<Value: Sendable>(_ body: @escaping @Sendable () -> Value) async -> Value {
        await withCheckedContinuation { continuation in
            submit { continuation.resume(returning: body()) }
        }
    }

    /// Ends the threads once the work submitted is done. Twice is fine.
    func stop() {
        condition.lock()
        stopping = true
        condition.broadcast()
        condition.unlock()
    }

    private func submit(_ job: @escaping @Sendable () -> Void) {
        condition.lock()
        if stopping {
            condition.unlock()
            return job()
        }
        work.append(job)
        condition.signal()
        condition.unlock()
    }

    private func serve() {
        // On Linux, "this process" (0) is the calling thread.
        setpriority(__priority_which_t(0), 0, Self.niceness)
        while let job = next() { job() }
    }

    private func next() -> (@Sendable () -> Void)? {
        condition.lock()
        defer { condition.unlock() }
        while work.isEmpty {
            if stopping { return nil }
            condition.wait()
        }
        return work.popFirst()
    }
}
