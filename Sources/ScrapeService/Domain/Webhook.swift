import Foundation

/// What a job may tell a receiver of; a closed list.
enum WebhookEvent: String, Sendable, CaseIterable, Codable {
    /// Its first page may be fetched now.
    case started
    case paused
    /// It goes on after a pause, or after it was over.
    case resumed
    case completed, failed, cancelled

    /// The job is over: what a webhook that names no events is told.
    static let terminal: [WebhookEvent] = [.completed, .failed, .cancelled]
}

/// Where a job's events go.
struct Webhook: Hashable, Sendable, Codable {
    var url: WebURL
    /// Each once, at least one.
    var events = WebhookEvent.terminal
    /// Signs what is sent. Not part of the stored job: the store keeps it by itself, and nothing shows it again.
    var secret: WebhookSecret?

    private enum CodingKeys: String, CodingKey {
        case url, events
    }
}

/// Text that neither a log line nor a dump of the value around it shows.
struct WebhookSecret: Hashable, Sendable, CustomStringConvertible, CustomReflectable {
    let text: String

    var description: String { "(secret)" }
    var customMirror: Mirror { Mirror(self, children: [:]) }
}

/// One event on its way to a receiver, claimed by one process for a while.
struct ClaimedDelivery: Sendable {
    /// The store's own number for it.
    var key: Int64
    /// The same with every attempt, also after a redelivery: a receiver knows by it what it has had.
    var id: UUID
    var job: JobID
    var event: WebhookEvent
    var createdAt: Date
    var url: WebURL
    var secret: WebhookSecret?
    /// With this one, since the event: an attempt whose number is not the last one any more settles nothing.
    var attempt: Int
    /// With this one, since the event or the last redelivery that was asked for.
    var round: Int
}

/// What came of one attempt.
struct DeliveryOutcome: Hashable, Sendable {
    enum Result: Hashable, Sendable {
        case delivered
        case failed
        /// Not before this has passed.
        case retry(after: Duration)
    }

    var result: Result
    var httpStatus: Int?
    var error: FailureCode?
    var seconds: Double
}

enum DeliveryState: String, Sendable, CaseIterable {
    case pending, delivered, failed
}

/// One row of the delivery log.
struct Delivery: Sendable {
    var id: UUID
    var event: WebhookEvent
    var state: DeliveryState
    /// Those begun.
    var attempts: Int
    /// Of the last attempt that ended, as is `error`, a ``FailureCode``.
    var httpStatus: Int?
    var error: String?
    var seconds: Double?
    var createdAt: Date
    var attemptedAt: Date?
    /// Of a pending one.
    var nextAttemptAt: Date?
    var deliveredAt: Date?
}

/// What the delivery loop asks of the store. All clocks are the database's. Throws ``StoreError`` only.
protocol WebhookStore: Sendable {
    /// Claims up to `limit` deliveries that are due and that nobody has claimed, longest due first within a receiver
    /// (scheme, host and port). With those of `active`, this process's own, no receiver has more than `perReceiver`.
    /// After `duration` others may claim them.
    func claimDeliveries(
        limit: Int, perReceiver: Int, active: [String: Int], for duration: Duration
    ) async throws -> [ClaimedDelivery]
    /// Writes what came of an attempt; nothing where another attempt has begun since, or the job is deleted.
    func settle(_ delivery: ClaimedDelivery, _ outcome: DeliveryOutcome) async throws
    /// Gives a claim back: the attempt was broken off, and does not count.
    func release(_ delivery: ClaimedDelivery) async throws
}

/// What the API asks of the store about deliveries; ownership of a list is checked by `snapshot` before.
/// Throws ``StoreError`` only.
protocol DeliveryLog: Sendable {
    /// In the order of the events.
    func deliveries(of id: JobID, after: Position, limit: Int) async throws -> Slice<Delivery>
    /// Makes a delivery due at once, with all its attempts before it; one that is under way is left alone.
    /// Nil: there is no such delivery, or it is another owner's.
    func redeliver(_ delivery: UUID, of id: JobID, owner: String?) async throws -> Delivery?
}
