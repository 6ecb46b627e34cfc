import Foundation

/// One start of one process: fresh at every start, so a restarted process never inherits a lease by name.
struct ReplicaID: Hashable, Sendable {
    var uuid = UUID()
}

/// The right to work on one shard of one job, as long as the replica's heartbeat lives and nobody took it over.
struct JobLease: Sendable {
    var job: JobID
    /// The store's own number for the job.
    var key: Int64
    var shard: Int
    /// Fencing number: a write that carries an old one changes nothing.
    var epoch: Int64
    var spec: JobSpec
    var state: JobState
    /// Since the job started, by the database's clock, at the moment of the claim.
    var elapsed: Duration
    var counters: JobCounters
}

struct SettleOutcome: Sendable {
    /// False: another process holds the shard now; nothing was written.
    var leaseHeld: Bool
    /// After this batch, as committed.
    var counters: JobCounters
    /// Tells of a cancel.
    var state: JobState
}

struct RetryWindow: Sendable {
    var due: [QueuedPage]
    /// Until the next one is due; nil: none is waiting.
    var nextIn: Duration?
    /// Every page that was attempted before and is not settled, due or not, in flight or not.
    var total = 0
}

/// What the engine asks of the store. All clocks are the database's. Throws ``StoreError`` only.
protocol WorkStore: Sendable {
    /// Announces a replica, or prolongs it by `ttl`. False: it was pruned, all its leases are lost.
    func heartbeat(_ replica: ReplicaID, ttl: Duration) async throws -> Bool
    /// Gives every lease of the replica back at once.
    func retire(_ replica: ReplicaID) async throws
    /// Claims one shard that nobody (alive) holds, of a job that is not over; nil: there is none.
    /// A queued job becomes running. What the replica owns of other jobs than those of `holding` (store keys) is
    /// given back first (a claim whose answer was lost); nil: nothing is.
    func claim(for replica: ReplicaID, holding: [Int64]?) async throws -> JobLease?
    /// Never attempted pages after `pageID`, in order of discovery. No locks, no writes.
    func frontier(_ lease: JobLease, after pageID: Int64, limit: Int) async throws -> [QueuedPage]
    /// Pages whose retry is due, and when the next one will be. Includes pages in flight: the caller knows those.
    func retries(_ lease: JobLease, limit: Int) async throws -> RetryWindow
    /// One transaction: each page done (or put back), its items, its new links, the counters, the gauges.
    /// Sending the same batch again after a lost answer changes nothing. An empty batch publishes the gauges.
    func settle(_ lease: JobLease, _ batch: [PageSettlement], gauges: JobGauges) async throws -> SettleOutcome
    /// Skips what is left of the frontier, then ends the job. False: the lease is lost, or the frontier is not
    /// empty where `end.skipRest` is nil.
    func finish(_ lease: JobLease, _ end: JobEnd) async throws -> Bool
    func release(_ lease: JobLease) async throws
}
