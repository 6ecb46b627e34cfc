/// Counts connections by client and decides about the next one. No descriptor, no clock.
struct Admission {
    enum Verdict: Hashable {
        case serve
        /// One too many from this client: it is told so (503).
        case turnAway
        /// Enough are being told so already: this one is closed without an answer.
        case drop
    }

    private let maxPerClient: Int?
    private let maxTurnedAway: Int
    private var served: [ClientNetwork: Int] = [:]
    private var turnedAway = 0

    init(limits: ServerLimits) {
        maxPerClient = limits.maxConnectionsPerAddress
        maxTurnedAway = limits.maxTurnedAway
    }

    mutating func admit(_ client: ClientNetwork) -> Verdict {
        guard let maxPerClient else { return .serve }
        guard served[client, default: 0] >= maxPerClient else {
            served[client, default: 0] += 1
            return .serve
        }
        guard turnedAway < maxTurnedAway else { return .drop }
        turnedAway += 1
        return .turnAway
    }

    /// A connection that was admitted with `verdict` has closed.
    mutating func leave(_ client: ClientNetwork, _ verdict: Verdict) {
        switch verdict {
        case .turnAway: turnedAway -= 1
        case .drop: break
        case .serve:
            guard let count = served[client] else { return }
            // Clients that are gone leave no entry behind.
            served[client] = count > 1 ? count - 1 : nil
        }
    }
}
