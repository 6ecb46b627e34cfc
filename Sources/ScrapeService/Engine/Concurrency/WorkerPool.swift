import DequeModule
import Foundation
import Synchronization

/// Threads for work that computes: parsing and extraction, off the event loops and off Swift's own pool, which a few
/// long computations would stop. Jobs take turns, and whose work has taken the least time so far is next: a small job
/// waits for the pieces of work that are being done, not for all that a large one has submitted, and a job of pages that
/// each take seconds holds up no other's quick ones.
///
// @unchecked: `lines`, `turns`, `used`, `running`, `floor`, `submitted` and `stopping` are touched
// only between `condition.lock()` and `unlock()`.
final class WorkerPool: @unchecked Sendable {
    /// Workers give way to the loops, so that a status read stays fast while every core parses (nice(2)).
    private static let niceness: Int32 = 5

    private struct Work {
        var number: Int
        var perform: @Sendable () -> Void
        /// Instead of ``perform``, where nobody waits for it any more; nil: it is always done.
        var drop: (@Sendable () -> Void)?
    }

    private let condition = NSCondition()
    /// Work not begun, by whom it is for; those without any are not in it.
    private var lines: [Int: Deque<Work>] = [:]
    private var submitted = 0
    /// Those in `lines`, the next first.
    private var turns = Deque<Int>()
    /// Time that each has had, of those that have had more than ``floor``; in units of ``turnSeconds``, so that turns are
    /// taken one by one where the work is short.
    private var used: [Int: Double] = [:]
    /// Pieces of work being done, whose time is not known yet.
    private var running: [Int: Int] = [:]
    /// What the last one in turn had had: whoever comes anew or comes back starts there, and saves up nothing.
    private var floor = 0.0
    private var stopping = false
    private static let turnSeconds = 0.02

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

    /// As ``run(for:_:)``, but where the task is cancelled before a worker has begun, `body` is not run: it leaves the
    /// line at once. Throws `CancellationError`.
    func runUnlessCancelled<Value: Sendable>(
        for party: Int = 0, _ body: @escaping @Sendable () -> Value
    ) async throws -> Value {
        try Task.checkCancellation()
        let number = takeNumber()
        return try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                submit(number, for: party) {
                    continuation.resume(returning: body())
                } drop: {
                    continuation.resume(throwing: CancellationError())
                }
                // The handler may have run before the work was there to be found.
                if Task.isCancelled { drop(number, of: party) }
            }
        } onCancel: {
            drop(number, of: party)
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

    private func takeNumber() -> Int {
        condition.lock()
        defer { condition.unlock() }
        submitted += 1
        return submitted
    }

    private func submit(
        _ number: Int = 0, for party: Int, _ perform: @escaping @Sendable () -> Void,
        drop: (@Sendable () -> Void)? = nil
    ) {
        condition.lock()
        if stopping {
            condition.unlock()
            return perform()
        }
        if lines[party] == nil { turns.append(party) }
        lines[party, default: []].append(Work(number: number, perform: perform, drop: drop))
        condition.signal()
        condition.unlock()
    }

    /// Nothing to do where it has begun, was dropped before, or is not there yet: whoever takes it from its line resumes
    /// its task, and nobody else.
    private func drop(_ number: Int, of party: Int) { take(number, of: party)?.drop?() }

    private func take(_ number: Int, of party: Int) -> Work? {
        condition.lock()
        defer { condition.unlock() }
        guard let index = lines[party]?.firstIndex(where: { $0.number == number }) else { return nil }
        let work = lines[party]?.remove(at: index)
        if lines[party]?.isEmpty == true {
            lines[party] = nil
            turns.removeAll { $0 == party }
        }
        return work
    }

    private func serve() {
        // On Linux, "this process" (0) is the calling thread.
        setpriority(__priority_which_t(0), 0, Self.niceness)
        while let (party, work) = next() {
            let start = ContinuousClock.now
            work.perform()
            charge(party, (ContinuousClock.now - start) / .seconds(Self.turnSeconds))
        }
    }

    private func charge(_ party: Int, _ turns: Double) {
        condition.lock()
        defer { condition.unlock() }
        used[party] = max(used[party] ?? 0, floor) + turns
        running[party] = running[party].flatMap { $0 > 1 ? $0 - 1 : nil }
        // A party that has had no more than the floor is like a new one.
        if used.count > 2 * lines.count + 16 { used = used.filter { $0.value > floor } }
    }

    private func next() -> (party: Int, work: Work)? {
        condition.lock()
        defer { condition.unlock() }
        while true {
            if let index = nextTurn() {
                let party = turns.remove(at: index)
                guard let work = lines[party]?.popFirst() else { continue }
                if lines[party]?.isEmpty == true { lines[party] = nil } else { turns.append(party) }
                running[party, default: 0] += 1
                return (party, work)
            }
            if stopping { return nil }
            condition.wait()
        }
    }

    /// Of those that have had the fewest whole turns, the first in turn of those with the least being done.
    private func nextTurn() -> Int? {
        var best: (index: Int, had: Double, order: (Double, Int))?
        for (index, party) in turns.enumerated() {
            let had = max(used[party] ?? 0, floor)
            let order = (had.rounded(.down), running[party] ?? 0)
            if let known = best, known.order <= order { continue }
            best = (index, had, order)
        }
        if let best { floor = max(floor, best.had) }
        return best?.index
    }
}
