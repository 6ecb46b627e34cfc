import Glibc

/// A moment on the loop's clock, `CLOCK_BOOTTIME` as `ContinuousClock`'s is, in nanoseconds.
///
/// `ContinuousClock.Instant` says the same, 128 bits wide and behind calls into the runtime: reading and comparing it took
/// a tenth of the time of a small answer.
struct LoopTime: Comparable, Hashable, Sendable {
    let nanoseconds: Int64

    static let distantFuture = LoopTime(nanoseconds: .max)

    static var now: LoopTime {
        var time = timespec()
        clock_gettime(CLOCK_BOOTTIME, &time)
        return LoopTime(nanoseconds: Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec))
    }

    private static let anchor = (instant: ContinuousClock.now, time: LoopTime.now)

    /// The same moment, so that equal instants stay equal.
    init(_ instant: ContinuousClock.Instant) {
        self = Self.anchor.time + (instant - Self.anchor.instant)
    }

    /// The same moment on the clock of everybody else.
    var instant: ContinuousClock.Instant {
        Self.anchor.instant + .nanoseconds(nanoseconds - Self.anchor.time.nanoseconds)
    }

    private init(nanoseconds: Int64) {
        self.nanoseconds = nanoseconds
    }

    static func < (lhs: LoopTime, rhs: LoopTime) -> Bool { lhs.nanoseconds < rhs.nanoseconds }

    static func + (time: LoopTime, delay: Duration) -> LoopTime { time + delay.nanoseconds }

    static func + (time: LoopTime, nanoseconds: Int64) -> LoopTime {
        let (sum, overflow) = time.nanoseconds.addingReportingOverflow(nanoseconds)
        return overflow ? .distantFuture : LoopTime(nanoseconds: sum)
    }

    static func - (lhs: LoopTime, rhs: LoopTime) -> Int64 { lhs.nanoseconds - rhs.nanoseconds }
}

extension Duration {
    /// Whole nanoseconds, rounded down; what 64 bits cannot hold, 292 years, counts as that.
    var nanoseconds: Int64 {
        // Up to nine seconds without a division of 128 bits.
        if let few = Int64(exactly: attoseconds) { return few / 1_000_000_000 }
        let (seconds, attoseconds) = components
        let (whole, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
        let (sum, carry) = whole.addingReportingOverflow(attoseconds / 1_000_000_000)
        return overflow || carry ? (seconds < 0 ? .min : .max) : sum
    }
}
