import Foundation

/// Rows deleted in one transaction: bounds how long it holds back vacuum and replication.
private let deleteChunk = 10_000

extension PostgresStore {
    func act(_ action: JobAction, on id: JobID, owner: String?) async throws -> ActionAnswer {
        guard let job = try await reference(of: id) else { return .notFound }
        guard let before = try await snapshot(of: id, owner: owner) else { return .notFound }
        // What is left of a job that ended a moment ago is out of the way first.
        if action == .retryFailed, before.state.isTerminal { while try await sweep(job) {} }
        let changed = try await perform { connection in
            try await connection.transaction { connection in
                let result = try await connection.query(
                    "select \(Self.function(of: action))($1)", [.int(job.key)])
                guard var row = result.first else { return false }
                let changed: Bool = try row.next()
                if changed { try await Self.wake(connection) }
                return changed
            }
        }
        guard let after = try await snapshot(of: id, owner: owner) else { return .notFound }
        return changed || action.isHarmless(for: after) ? .accepted(after) : .forbidden(after)
    }

    private static func function(of action: JobAction) -> String {
        switch action {
        case .cancel: "cancel_job"
        case .pause: "pause_job"
        case .resume: "resume_job"
        case .retryFailed: "retry_failed"
        }
    }

    func delete(_ id: JobID, owner: String?) async throws -> Deletion {
        // A job whose deletion was cut short is found again: its mark does not hide it here.
        let found = try await query(
            """
            select key, bucket, finished_at is not null from job
            where id = $1 and ($2 is null or owner = $2) and expired_at is null
            """,
            [.uuid(id.uuid), .text(owner)])
        guard var row = found.first else { return .notFound }
        let (reference, isTerminal) = try Self.read {
            (
                JobReference(key: try row.next(), bucket: try row.next()),
                try row.next(Bool.self)
            )
        }
        guard isTerminal else { return .notTerminal }
        guard try await erase(reference) else { return .notTerminal }
        forget(id)
        return .deleted
    }

    /// Marks the job, so that nobody reads half of it, then deletes its rows in chunks and its own row last.
    /// False: it goes on again, its failed pages are being tried once more.
    func erase(_ job: JobReference) async throws -> Bool {
        let isMarked = try await perform { connection in
            try await connection.transaction { connection in
                let marked = try await connection.query(
                    """
                    update job set deleted_at = coalesce(deleted_at, clock_timestamp())
                    where key = $1 and finished_at is not null
                    """, [.int(job.key)])
                if marked.affected == 0 { return false }
                _ = try await connection.query("delete from idempotency where job = $1", [.int(job.key)])
                return true
            }
        }
        guard isMarked else { return false }
        // First: from then on nobody adds to the ledger.
        while try await eraseQueue(job) > 0 {}
        for table in ["item", "page", "seen"] {
            while try await eraseChunk(table, job) == deleteChunk {}
        }
        // Their bytes are swept where no other file has the same (``sweepFiles()``).
        while try await eraseFiles(job) == deleteChunk {}
        try await eraseValidators(of: job)
        _ = try await query("delete from failure_count where job = $1", [.int(job.key)])
        _ = try await query("delete from job where key = $1", [.int(job.key)])
        return true
    }

    private func eraseQueue(_ job: JobReference) async throws -> Int64 {
        let result = try await query("select erase_queue($1, $2)", [.int(job.key), .integer(deleteChunk)])
        guard var row = result.first else { return 0 }
        return try Self.read { try row.next() }
    }

    private func eraseChunk(_ table: String, _ job: JobReference) async throws -> Int {
        let result = try await query(
            "select erase_chunk($1::text::regclass, $2, $3, $4)",
            [.text(table), .date(job.bucket.days), .int(job.key), .integer(deleteChunk)])
        guard var row = result.first else { return 0 }
        return try Self.read { try row.next() }
    }

    private func eraseFiles(_ job: JobReference) async throws -> Int {
        let result = try await query(
            "select erase_files($1, $2, $3, $4)",
            [.int(job.key), .int(0), .int(Int64.max), .integer(deleteChunk)])
        guard var row = result.first else { return 0 }
        return try Self.read { try row.next() }
    }

    static func wake(_ connection: PostgresConnection) async throws {
        _ = try await connection.query("select pg_notify($1, '')", [.text(wakeChannel)])
    }
}

extension JobAction {
    /// The job is where the action would bring it.
    fileprivate func isHarmless(for job: JobSnapshot) -> Bool {
        switch self {
        case .cancel: job.state == .cancelling || job.state == .cancelled
        case .pause: job.state == .paused
        case .resume: job.state == .queued || job.state == .running
        case .retryFailed: job.state != .cancelling && job.state != .paused && job.counters.failed == 0
        }
    }
}
