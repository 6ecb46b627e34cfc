import Foundation

/// A job about to be accepted.
struct NewJob: Sendable {
    var id: JobID
    /// The API key it belongs to: other keys do not see it.
    var owner: String
    var spec: JobSpec
    var start: StartPages
    var idempotency: Idempotency?

    struct Idempotency: Hashable, Sendable {
        var key: String
        /// SHA-256 of the request body.
        var fingerprint: [UInt8]
    }
}

enum Acceptance: Sendable {
    case created(JobSnapshot)
    /// The same key with the same body came before: that job.
    case replayed(JobSnapshot)
    /// The same key came before with another body.
    case keyReused
}

/// How far a reader has come: the last number seen in each shard (items' `seq`, pages' id). Numbers of a shard are
/// given in commit order by the one process that holds its lease, so nothing appears behind a position.
struct Position: Hashable, Sendable {
    var shards: [Int64] = []

    subscript(shard: Int) -> Int64 {
        get { shard < shards.count ? shards[shard] : 0 }
        set {
            while shards.count <= shard { shards.append(0) }
            shards[shard] = newValue
        }
    }
}

struct Slice<Element: Sendable>: Sendable {
    var elements: [Element]
    /// Where the next read goes on.
    var position: Position
    /// Whether more were there at this read.
    var hasMore: Bool
}

struct Item: Sendable {
    var seq: Int64
    var url: String
    var kind: String
    var scrapedAt: Date
    var data: ItemData
}

struct JobFilter: Sendable {
    var state: JobState?
    var name: String?
    var createdAfter: Date?
}

/// Which rows of the ledger.
struct LedgerFilter: Sendable {
    var status: PageStatus?
    /// A ``FailureCode`` or ``SkipReason``: failed and skipped pages have one.
    var code: String?
}

/// Where a list of jobs goes on: newest first, by creation then id.
struct JobListPosition: Hashable, Sendable {
    var id: JobID
}

/// What is left of a job whose data was dropped.
struct ExpiredJob: Hashable, Sendable {
    var id: JobID
    var state: JobState
    var stopReason: StopReason?
    var outcome: Outcome?
    var finishedAt: Date?
    var expiredAt: Date
}

enum Deletion: Sendable {
    case deleted, notFound, notTerminal
}

/// What a client may ask of a job.
enum JobAction: String, Sendable, CaseIterable {
    /// Ends it; what was never fetched is skipped.
    case cancel
    /// Stops fetching until it is resumed, also over restarts.
    case pause
    case resume
    /// Fetches the pages of a job that is over and failed, once more.
    case retryFailed = "retry-failed"
}

enum ActionAnswer: Sendable {
    /// Done, or done before: repeating it is harmless.
    case accepted(JobSnapshot)
    case notFound
    /// Not in the state the job is in.
    case forbidden(JobSnapshot)
}

/// What the API asks of the store. `owner` nil sees every job.
/// Throws ``StoreError`` only.
protocol JobCatalog: DeliveryLog {
    /// Job, start pages and idempotency key commit together: once this returns, a power cut loses nothing.
    func accept(_ job: NewJob) async throws -> Acceptance
    func snapshot(of id: JobID, owner: String?) async throws -> JobSnapshot?
    func spec(of id: JobID, owner: String?) async throws -> JobSpec?
    /// Newest first; ids are UUIDv7, so the order is the ids'.
    func jobs(_ filter: JobFilter, owner: String?, after: JobListPosition?, limit: Int) async throws
        -> [JobSnapshot]
    /// In commit order; ownership is checked by `snapshot` or `spec` before.
    func items(of id: JobID, after: Position, limit: Int) async throws -> Slice<Item>
    /// The ledger, in order of discovery; a page still in the frontier is `queued`.
    func pages(of id: JobID, _ filter: LedgerFilter, after: Position, limit: Int) async throws
        -> Slice<LedgerEntry>
    func act(_ action: JobAction, on id: JobID, owner: String?) async throws -> ActionAnswer
    func delete(_ id: JobID, owner: String?) async throws -> Deletion
    /// For a job that is not found: what is left of it, if it was kept for its time. Nil: there never was one, or it
    /// was deleted.
    func expired(_ id: JobID, owner: String?) async throws -> ExpiredJob?
    /// Throws unless the database answers and is migrated.
    func checkReady() async throws
}

/// Why the store did not do it.
enum StoreError: Error, Sendable {
    /// No connection, or lost in mid-statement: try again later, nothing was lost. The text is for the log.
    case unavailable(String)
    /// The database has a schema that is not this service's; the text may be shown.
    case foreignSchema(String)
    /// A statement failed: a bug or a full disk. The text is for the log.
    case failed(String)
}
