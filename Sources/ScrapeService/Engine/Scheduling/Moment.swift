import Glibc

/// A moment on the clock of `ContinuousClock`, in nanoseconds.
///
/// The same as its `Instant` in half the bits and of a size that the compiler knows: structs that hold an `Instant` are
/// copied and compared by calls into the runtime, which took most of the time of a turn.
struct Moment: Comparable, Hashable, Sendable {
    let nanoseconds: Int64

    /// Before and after every other; far enough from the ends of the type to be reckoned with.
    static let distantPast = Moment(nanoseconds: .min / 4)
    static let distantFuture = Moment(nanoseconds: .max / 4)

    static var now: Moment {
        var time = timespec()
        clock_gettime(CLOCK_BOOTTIME, &time)
        return Moment(nanoseconds: Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec))
    }

    static func < (lhs: Moment, rhs: Moment) -> Bool { lhs.nanoseconds < rhs.nanoseconds }

    static func + (moment: Moment, delay: Duration) -> Moment { moment + delay.wholeNanoseconds }

    static func + (moment: Moment, nanoseconds: Int64) -> Moment {
        min(Moment(nanoseconds: moment.nanoseconds + nanoseconds), distantFuture)
    }

    static func - (lhs: Moment, rhs: Moment) -> Duration { .nanoseconds(lhs.nanoseconds - rhs.nanoseconds) }
}

extension Duration {
    /// Rounded up, at most 100 years.
    var wholeNanoseconds: Int64 {
        let (seconds, attoseconds) = components
        let century: Int64 = 100 * 366 * 86_400
        let whole = min(max(seconds, -century), century) * 1_000_000_000
        return whole + (attoseconds + 999_999_999) / 1_000_000_000
    }
}
