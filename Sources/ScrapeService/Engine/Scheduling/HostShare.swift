/// What this replica may do at a host that all replicas use: as many places as the store has given it and, where
/// requests are spaced, windows of time of its own.
struct HostShare: Equatable {
    /// Fetches at once; none before the store was asked.
    var places = 0
    /// Another replica uses the host as well.
    var isContended = false
    /// Between two requests of all replicas, nanoseconds.
    var delay: Int64 = 0
    /// When this replica alone may start requests, the earliest first.
    private(set) var windows: [ClosedRange<Moment>] = []
    /// The host was not used when the store was asked last.
    var wasIdle = false

    /// The first window that is not over at `time`.
    func window(atOrAfter time: Moment) -> ClosedRange<Moment>? { windows.first { $0.upperBound >= time } }

    mutating func add(_ window: ClosedRange<Moment>, at now: Moment) {
        windows.removeAll { $0.upperBound < now }
        windows.append(window)
    }
}
