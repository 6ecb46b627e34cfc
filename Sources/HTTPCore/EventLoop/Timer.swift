import HeapModule

/// A callback due at a time; cancelling it is free, its entry leaves the heap when its time comes.
public final class Timer {
    public let deadline: ContinuousClock.Instant
    private var body: (() -> Void)?

    init(deadline: ContinuousClock.Instant, body: @escaping () -> Void) {
        self.deadline = deadline
        self.body = body
    }

    public func cancel() { body = nil }

    func fire() {
        let body = self.body
        self.body = nil
        body?()
    }
}

/// A timer in the heap: by deadline, then in the order of scheduling.
struct TimerEntry: Comparable {
    let deadline: ContinuousClock.Instant
    let sequence: UInt64
    let timer: Timer

    static func < (lhs: TimerEntry, rhs: TimerEntry) -> Bool {
        (lhs.deadline, lhs.sequence) < (rhs.deadline, rhs.sequence)
    }

    static func == (lhs: TimerEntry, rhs: TimerEntry) -> Bool { lhs.sequence == rhs.sequence }
}

extension EventLoop {
    /// Calls `body` on this loop's thread once `delay` has passed (asyncio's `call_later`). Loop's thread only.
    @discardableResult
    public func schedule(after delay: Duration, _ body: @escaping () -> Void) -> Timer {
        schedule(at: .now + delay, body)
    }

    @discardableResult
    public func schedule(at deadline: ContinuousClock.Instant, _ body: @escaping () -> Void) -> Timer {
        checkIsolated()
        let timer = Timer(deadline: deadline, body: body)
        timerSequence += 1
        timers.insert(
            TimerEntry(deadline: deadline, sequence: timerSequence, timer: timer))
        return timer
    }

    func fireTimers() {
        guard let first = timers.min else { return }
        let now = ContinuousClock.now
        guard first.deadline <= now else { return }
        while let entry = timers.min, entry.deadline <= now {
            timers.removeMin()
            entry.timer.fire()
        }
    }

    /// Until the next timer, rounded up so that the loop never spins before it; −1 without one.
    func sleepMilliseconds() -> Int32 {
        guard let first = timers.min else { return -1 }
        let left = first.deadline - .now
        guard left > .zero else { return 0 }
        let (seconds, attoseconds) = left.components
        guard seconds < 3600 else { return 3_600_000 }
        return Int32(seconds * 1000 + (attoseconds + 999_999_999_999_999) / 1_000_000_000_000_000)
    }
}
