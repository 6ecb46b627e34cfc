import DequeModule
import Foundation
import Synchronization

/// Threads for work that computes: parsing and extraction, off the event loops and off Swift's own pool, which a few
/// long computations would stop. Jobs take turns: a small one waits for one piece of work of each other job, not for all
/// that a large one has submitted.
///
// @unchecked: `lines`, `turns` and `stopping` are touched only between `condition.lock()` and `unlock()`.
final class WorkerPool: @unchecked Sendable {
    /// Workers give way to the loops, so that a status read stays fast while every core parses (nice(2)).
    private static let niceness: Int32 = 5

    private let condition = NSCondition()
    /// Work not begun, by whom it is for; those without any are not in it.
    private var lines: [Int: Deque<@Sendable () -> Void>] = [:]
    /// Those in `lines`, the next first.
    private var turns = Deque<Int>()
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

    /// Runs `body` on a worker and returns what it does: after what was submitted before for the same `party`, in turn
    /// with other parties.
    func run<Value: Sendable>(for party: Int = 0, _ body: @escaping @Sendable () -> Value) async -> Value {
        await withCheckedContinuation { continuation in
            submit(for: party) { continuation.resume(returning: body()) }
        }
    }

    /// Pieces of work not begun.
    var waiting: Int {
        condition.lock()
        defer { condition.unlock() }
        return lines.values.reduce(0) { $0 + $1.count }
    }

    /// Ends the threads once the work submitted is done. Twice is fine.
    func stop() {
        condition.lock()
        stopping = true
        condition.broadcast()
        condition.unlock()
    }

    private func submit(for party: Int, _ job: @escaping @Sendable () -> Void) {
        condition.lock()
        if stopping {
            condition.unlock()
            return job()
        }
        if lines[party] == nil { turns.append(party) }
        lines[party, default: []].append(job)
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
        while turns.isEmpty {
            if stopping { return nil }
            condition.wait()
        }
        let party = turns.removeFirst()
        let job = lines[party]?.popFirst()
        if lines[party]?.isEmpty == true { lines[party] = nil } else { turns.append(party) }
        return job
    }
}
