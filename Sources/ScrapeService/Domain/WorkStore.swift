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
    /// Decided before: why the job is to end.
    var ending: StopReason?
    /// Of `limits.maxPages`: how many pages this shard may attempt in all.
    var pageQuota = 0
    /// Shards of the job that are worked on, or wait to be.
    var openShards = 1
}

struct SettleOutcome: Sendable {
    /// False: another process holds the shard now; nothing was written.
    var leaseHeld: Bool
    /// After this batch, as committed.
    var counters: JobCounters
    /// Tells of a pause.
    var state: JobState
    /// Tells of a cancel, and of an end that another shard has decided.
    var ending: StopReason?
    var openShards = 1
    /// The number that the next page found by this shard had before this batch; where the batch was sent twice,
    /// before the second time.
    var firstLink = Int64.max
}

/// A stretch of a shard's frontier, in the order of the pages' numbers.
struct FrontierSlice: Sendable {
    var pages: [QueuedPage]
    /// The last page looked at, returned or passed over; nil: there was none.
    var scannedTo: Int64?
    /// Nothing lies behind it.
    var isLast: Bool
}

/// How much of `limits.maxPages` a shard may use.
struct PageReservation: Sendable {
    /// Pages this shard may attempt in all.
    var quota: Int
    /// Pages attempted by all shards.
    var spent: Int
}

/// What became of a shard that ended its work.
enum ShardEnd: Sendable {
    /// The lease is lost: nothing was written.
    case lost
    /// Pages are left, and no end was decided.
    case open
    /// Other shards of the job go on.
    case closed
    /// It was the last one: the job is over.
    case ended(StopReason)
}

/// Pages of one depth, and where they end.
struct FrontierLevel: Hashable, Sendable {
    /// Links followed from a start page.
    var depth: Int
    /// The highest number of a page of that depth.
    var last: Int64
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
    /// Announces a replica, or prolongs it by `ttl`. Returns how many replicas live; nil: it was pruned, all its
    /// leases are lost.
    func heartbeat(_ replica: ReplicaID, ttl: Duration) async throws -> Int?
    /// Gives every lease of the replica back at once.
    func retire(_ replica: ReplicaID) async throws
    /// Claims one shard that nobody (alive) holds, of a job that is neither over nor paused; nil: there is none.
    /// A queued job becomes running. `holding`: the replica's runs. What else it owns (a claim whose answer was
    /// lost) is given back first, and a shard split off from one of these jobs is left to others for a while.
    func claim(for replica: ReplicaID, holding: [ShardReference]) async throws -> JobLease?
    /// The shard's first level that has pages, due or not; nil: it has none. Looks at all of them.
    func level(_ lease: JobLease) async throws -> FrontierLevel?
    /// Never attempted pages after `pageID`, those of the origins in `passingOver` left out, and those beyond
    /// `level`, as if they were not there. No locks, no writes.
    func frontier(
        _ lease: JobLease, after pageID: Int64, limit: Int, passingOver origins: [String],
        upTo level: FrontierLevel?
    ) async throws -> FrontierSlice
    /// The same of one origin only.
    func frontier(
        _ lease: JobLease, of origin: String, after pageID: Int64, limit: Int, upTo level: FrontierLevel?
    ) async throws -> FrontierSlice
    /// What pages led to when they were remembered, by page number: those of a batch that have not changed. A page
    /// is missing where it has been forgotten meanwhile, or leads to more than ``QueuedPage/rememberedBytes`` by now.
    /// The closure that is returned reads what the store answered: with many links for long, so not on a loop.
    func rememberedLinks(
        _ lease: JobLease, of pages: [QueuedPage]
    ) async throws -> @Sendable () throws -> [Int64: [DiscoveredPage]]
    /// Pages whose retry is due, and when the next one will be, those of the origins in `passingOver` left out.
    /// Includes pages in flight: the caller knows those.
    func retries(_ lease: JobLease, limit: Int, passingOver origins: [String]) async throws -> RetryWindow
    /// One transaction: each page done (or put back), its items, its new links, the counters, the gauges. Where that
    /// takes longer than a statement may, one for each half of the batch.
    /// Sending the same batch again after a lost answer changes nothing. An empty batch publishes the gauges.
    func settle(_ lease: JobLease, _ batch: [PageSettlement], gauges: JobGauges) async throws -> SettleOutcome
    /// Asks for `more` pages of `limits.maxPages`; nil: the lease is lost.
    func reserve(_ lease: JobLease, more: Int, of maxPages: Int) async throws -> PageReservation?
    /// Offers half of the pages behind `pageID` to other replicas, as a shard of their own; of `limits.maxPages`
    /// `quota` stays here. Returns how many pages moved; nil: the lease is lost.
    func split(_ lease: JobLease, after pageID: Int64, quota: Int) async throws -> Int?
    /// Decides that the job ends; the first reason counts. False: the lease is lost.
    func decide(_ lease: JobLease, _ end: JobEnd) async throws -> Bool
    /// Skips some of what is left of the shard. Returns whether more is left; nil: the lease is lost.
    func skipRest(_ lease: JobLease, _ reason: StopReason) async throws -> Bool?
    /// Ends the work on the shard, and the job where it was the last one.
    func close(_ lease: JobLease) async throws -> ShardEnd
    /// Does some of what no lease covers: ends cancelled jobs that nobody works on, skips what is left of jobs that
    /// are over. Returns whether there may be more to do.
    func sweep() async throws -> Bool
    func release(_ lease: JobLease) async throws
}

/// A shard by the store's own number of its job.
struct ShardReference: Hashable, Sendable {
    var key: Int64
    var shard: Int
}
