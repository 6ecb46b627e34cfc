/// Pages and items a second, over the last seconds.
struct RateMeter {
    /// Long enough to be steady, short enough to be true.
    private static let window = Duration.seconds(5)

    private var samples: [(at: ContinuousClock.Instant, pages: Int, items: Int)] = []
    private let start = ContinuousClock.now

    mutating func add(pages: Int, items: Int, at now: ContinuousClock.Instant) {
        guard pages > 0 || items > 0 else { return }
        if let last = samples.last, now - last.at < .milliseconds(100) {
            samples[samples.count - 1].pages += pages
            samples[samples.count - 1].items += items
        } else {
            samples.append((now, pages, items))
        }
        samples.removeAll { now - $0.at > Self.window }
    }

    func rates(at now: ContinuousClock.Instant) -> (pages: Double, items: Double) {
        let recent = samples.filter { now - $0.at <= Self.window }
        let seconds = max(min(now - start, Self.window) / .seconds(1), 0.001)
        return (
            Double(recent.reduce(0) { $0 + $1.pages }) / seconds,
            Double(recent.reduce(0) { $0 + $1.items }) / seconds
        )
    }
}
