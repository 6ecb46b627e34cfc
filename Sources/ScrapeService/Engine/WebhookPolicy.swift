/// What a receiver's answer means, and when a failed delivery is tried again.
struct WebhookPolicy: Hashable, Sendable {
    /// Attempts after the first one. With ``firstPause`` they span about half an hour: a deployment of the
    /// receiver, or a restart of its machine.
    var maxRetries = 6
    /// The pause after the first attempt; it grows by ``growth`` with each further one.
    var firstPause = Duration.seconds(2)
    static let growth = 4

    /// `round` counts attempts from 1; `random` in 0…1. Half of a pause is jitter: who failed together comes back
    /// apart, and nobody at once.
    func pause(afterRound round: Int, random: Double) -> Duration {
        let exponent = min(max(0, round - 1), maxRetries)
        let whole = (0..<exponent).reduce(firstPause) { pause, _ in pause * Self.growth }
        return whole * (0.5 + random / 2)
    }

    /// `asked` is the receiver's `Retry-After`, obeyed where it is longer.
    func result(
        ofRound round: Int, status: Int?, error: FailureCode?, asked: Duration?, random: Double
    ) -> DeliveryOutcome.Result {
        if let status, (200...299).contains(status) { return .delivered }
        guard let error = error ?? status.map(FailureCode.http), error.isTransient, round <= maxRetries else {
            return .failed
        }
        return .retry(after: max(asked ?? .zero, pause(afterRound: round, random: random)))
    }
}
