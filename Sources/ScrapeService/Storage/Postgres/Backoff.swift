/// Pauses between attempts: doubling from the first to the last, each shortened by up to half at random, so
/// that replicas that lost the same server do not come back together.
struct Backoff: Sendable {
    let first: Duration
    let last: Duration
    private var failures = 0

    init(first: Duration, last: Duration) {
        self.first = first
        self.last = last
    }

    mutating func next() -> Duration {
        let step = min(first * (1 << min(failures, 16)), last)
        failures += 1
        return step * Double.random(in: 0.5...1)
    }

    mutating func reset() { failures = 0 }
}
