/// A host that lets pages of a job wait, for its status.
struct HostWait: Hashable, Sendable, Codable {
    enum Reason: String, Hashable, Sendable, Codable {
        /// The host asked to be left alone (RFC 9110 §10.2.3).
        case retryAfter = "retry_after"
        /// The time between two requests that the host's robots.txt asks for.
        case crawlDelay = "crawl_delay"
        /// The rate that a job allows itself.
        case rate
        /// As many fetches are in flight to the host as the most careful job allows.
        case concurrency
    }

    /// Hosts that a status names: keeps it short.
    static let maxListed = 5

    var origin: String
    var reason: Reason
    /// Pages in memory that wait for this host; more may be in the frontier.
    var waiting: Int
    /// Until the next request may leave; nil where it depends on fetches that are in flight.
    var seconds: Double?
}

/// How a replica uses a host.
struct HostUse: Hashable, Sendable {
    var origin: String
    /// Fetches at once that the most careful of its jobs allows.
    var limit: Int
    /// Between two requests, that the most careful of its jobs allows.
    var delay: Duration
    /// Pages in flight and waiting.
    var wanted: Int
    /// Fetches that may be in flight until the answer has come.
    var held: Int
}

/// A host asked to be left alone.
struct HostHold: Hashable, Sendable {
    var origin: String
    var delay: Duration
}

/// What a replica tells of its hosts, all of them or some.
struct HostCall: Hashable, Sendable {
    var uses: [HostUse] = []
    var holds: [HostHold] = []
    /// Hosts it does not use any more.
    var left: [String] = []

    var isEmpty: Bool { uses.isEmpty && holds.isEmpty && left.isEmpty }
}

/// What a replica may do at a host until it asks again.
struct HostGrant: Hashable, Sendable {
    var origin: String
    /// Fetches in flight at once. What is in flight already may end.
    var places: Int
    /// Another replica uses the host as well.
    var isContended: Bool
    /// Between two requests of all replicas.
    var delay: Duration
    /// Nobody starts a request for so long.
    var heldFor: Duration
    /// Where ``delay`` is not zero: requests may start from then until then, spaced by it, and at no other time.
    var window: ClosedRange<Duration>?
}

/// Shares hosts among replicas: over all of them, no more fetches at once and no more requests a second than the most
/// careful job allows that uses the host now. The clock is the store's, durations begin when it answers.
/// Throws ``StoreError`` only.
protocol HostStore: Sendable {
    /// Answers for every use; nil: the replica is not known any more. Sending a call again changes nothing.
    func share(_ call: HostCall, for replica: ReplicaID) async throws -> [HostGrant]?
}
