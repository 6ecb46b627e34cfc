import HeapModule

/// A callback due at a time. Belongs to the loop's thread.
public final class Timer {
    /// When the callback is due.
    public var deadline: ContinuousClock.Instant { due.instant }
    let due: LoopTime
    private unowned let loop: EventLoop
    private var body: (() -> Void)?

    init(due: LoopTime, loop: EventLoop, body: @escaping () -> Void) {
        self.due = due
        self.loop = loop
        self.body = body
    }

    /// Drops the callback; cheap, since its entry stays in the heap until its time, or a clean-up, comes.
    public func cancel() {
        guard body != nil else { return }
        body = nil
        loop.timerWasCancelled()
    }

    var isCancelled: Bool { body == nil }

    func fire() {
        let body = self.body
        self.body = nil
        body?()
    }
}

/// A timer in the heap: by deadline, then in the order of scheduling.
struct TimerEntry: Comparable {
    let deadline: LoopTime
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
        schedule(at: LoopTime.now + delay, body)
    }

    /// Calls `body` on this loop's thread at `deadline`, at once if that has passed. Loop's thread only.
    @discardableResult
    public func schedule(at deadline: ContinuousClock.Instant, _ body: @escaping () -> Void) -> Timer {
        schedule(at: LoopTime(deadline), body)
    }

    @discardableResult
    func schedule(at deadline: LoopTime, _ body: @escaping () -> Void) -> Timer {
        checkIsolated()
        let timer = Timer(due: deadline, loop: self, body: body)
        timerSequence += 1
        timers.insert(
            TimerEntry(deadline: deadline, sequence: timerSequence, timer: timer))
        nextTimer = min(nextTimer, deadline)
        return timer
    }

    func fireTimers() {
        guard nextTimer != .distantFuture, nextTimer <= now else { return }
        let now = now
        while let entry = timers.min, entry.deadline <= now {
            timers.removeMin()
            if entry.timer.isCancelled { cancelledTimers -= 1 } else { entry.timer.fire() }
        }
        nextTimer = timers.min?.deadline ?? .distantFuture
    }

    /// Cancelled timers kept in the heap at most: 1024, or as many as there are live ones.
    private static var maxCancelledTimers: Int { 1024 }

    func timerWasCancelled() {
        cancelledTimers += 1
        guard cancelledTimers > max(Self.maxCancelledTimers, timers.count / 2) else { return }
        timers = Heap(timers.unordered.filter { !$0.timer.isCancelled })
        cancelledTimers = 0
    }

    /// Until the next timer, rounded up so that the loop never spins before it; −1 without one.
    func sleepMilliseconds() -> Int32 {
        guard nextTimer != .distantFuture else { return -1 }
        let left = nextTimer - now
        return left <= 0 ? 0 : Int32(min((left + 999_999) / 1_000_000, 3_600_000))
    }
}
