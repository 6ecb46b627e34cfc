import Foundation

/// `queued → running → (cancelling →) completed | failed | cancelled`.
enum JobState: String, Sendable, CaseIterable, Codable {
    case queued, running, paused, cancelling, completed, failed, cancelled

    var isTerminal: Bool {
        switch self {
        case .completed, .failed, .cancelled: true
        case .queued, .running, .paused, .cancelling: false
        }
    }
}

/// Why a job ended; a closed list.
enum StopReason: String, Sendable, CaseIterable {
    case finished
    case maxPages = "max_pages"
    case maxItems = "max_items"
    case maxDuration = "max_duration"
    case firstFailure = "first_failure"
    case cancelled
    case startFailed = "start_failed"
    case internalError = "internal_error"
}

/// What a completed job is worth.
enum Outcome: String, Sendable {
    case ok, partial, empty
}

/// Why a job ends: decided by the engine. State and outcome follow from the rows when it is written.
struct JobEnd: Hashable, Sendable {
    /// `finished`: every page is settled. Else what the pages never fetched are skipped with.
    var reason: StopReason
    /// For the log and the operator; never shown to clients.
    var error: String?
}

/// Counted in the transaction that changes the rows, so `discovered = queued + in flight + fetched + failed + skipped` always.
struct JobCounters: Hashable, Sendable {
    var discovered = 0
    var fetched = 0
    var failed = 0
    var skipped = 0
    /// Attempts that failed and were put back.
    var retries = 0
    var items = 0
    var bytes = 0
    /// Start pages fetched: a job that ends with none has failed.
    var startFetched = 0

    /// Pages still in the frontier, in flight or not.
    var remaining: Int { discovered - fetched - failed - skipped }
}

/// What the running engine knows and rows do not: published with each batch.
struct JobGauges: Hashable, Sendable {
    var inFlight = 0
    var pagesPerSecond = 0.0
    var itemsPerSecond = 0.0
    /// Hosts that let pages wait, most pages first, at most ``HostWait/maxListed``.
    var hosts: [HostWait] = []
}

/// A job as a status read sees it, in one consistent read.
struct JobSnapshot: Sendable {
    var id: JobID
    var name: String?
    var state: JobState
    var stopReason: StopReason?
    var outcome: Outcome?
    var createdAt: Date
    var startedAt: Date?
    var finishedAt: Date?
    /// Its data is kept at least until then; nil: for ever, or not over yet.
    var expiresAt: Date?
    var counters: JobCounters
    /// Saved; counted as ``counters`` are.
    var files = 0
    var gauges: JobGauges
    /// Most frequent first.
    var failures: [FailureCount]
    /// What a person should know of a job that goes on all the same; most frequent first.
    var warnings: [WarningCount]
    /// What the items have, the least covered field first; only so many.
    var fields: [FieldCoverage] = []
    /// Page kinds with fields that gave no item so far, and their pages.
    var barrenKinds: [(kind: String, pages: Int)] = []
    /// Grows with every change of the job: the status's entity tag.
    var version: Int64

    struct FailureCount: Hashable, Sendable {
        var code: String
        var count: Int
    }

    struct WarningCount: Hashable, Sendable {
        var code: String
        var count: Int
        /// The page kind and its field, where it is about one.
        var kind: String?
        var field: String?
    }

    /// With those that hold for the job as a whole, once it is over.
    var allWarnings: [WarningCount] {
        guard state.isTerminal else { return warnings }
        let empty = fields.filter { $0.items > 0 && $0.filled == 0 }.map { field in
            WarningCount(
                code: FieldWarning.Code.fieldEmpty.rawValue, count: field.items, kind: field.kind,
                field: field.field)
        }
        let barren = barrenKinds.map { kind, pages in
            WarningCount(code: FieldWarning.Code.noItems.rawValue, count: pages, kind: kind)
        }
        return warnings + barren + empty
    }
}
