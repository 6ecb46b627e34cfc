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
