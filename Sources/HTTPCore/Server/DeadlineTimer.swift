/// One connection's place in the timer heap. A deadline that moves away costs nothing: the entry fires early and is renewed.
struct DeadlineTimer {
    private var timer: Timer?

    /// Whether something will look by that time already.
    func covers(_ deadline: LoopTime) -> Bool {
        timer.map { $0.due <= deadline } ?? false
    }

    /// Makes sure that `fire` is called at `deadline` or earlier.
    mutating func arm(
        _ deadline: LoopTime, on loop: EventLoop, _ fire: @escaping @Sendable () -> Void
    ) {
        timer?.cancel()
        timer = loop.schedule(at: deadline, fire)
    }

    mutating func hasFired() { timer = nil }

    mutating func cancel() {
        timer?.cancel()
        timer = nil
    }
}
