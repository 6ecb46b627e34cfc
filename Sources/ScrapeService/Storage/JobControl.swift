import Foundation

/// Rows deleted in one transaction: bounds how long it holds back vacuum and replication.
private let deleteChunk = 10_000

extension PostgresStore {
    func cancel(_ id: JobID, owner: String?) async throws -> Cancellation {
        try await perform { connection in
            try await connection.transaction { connection in
                let changed = try await connection.query(
                    """
                    update job set state = 'cancelling', revision = revision + 1
                    where id = $1 and ($2 is null or owner = $2) and deleted_at is null
                        and state in ('queued', 'running', 'paused')
                    """, [.uuid(id.uuid), .text(owner)])
                if changed.affected > 0 { try await Self.wake(connection) }
            }
        }
        guard let snapshot = try await snapshot(of: id, owner: owner) else { return .notFound }
        switch snapshot.state {
        case .completed, .failed: return .forbidden(snapshot)
        case .queued, .running, .paused, .cancelling, .cancelled: return .accepted(snapshot)
        }
    }

    func delete(_ id: JobID, owner: String?) async throws -> Deletion {
        // A job whose deletion was cut short is found again: its mark does not hide it here.
        let found = try await query(
            """
            select key, bucket, shards, finished_at is not null from job
            where id = $1 and ($2 is null or owner = $2) and expired_at is null
            """,
            [.uuid(id.uuid), .text(owner)])
        guard var row = found.first else { return .notFound }
        let (reference, isTerminal) = try Self.read {
            (
                JobReference(key: try row.next(), bucket: try row.next(), shards: try row.next()),
                try row.next(Bool.self)
            )
        }
        guard isTerminal else { return .notTerminal }
        try await erase(reference)
        forget(id)
        return .deleted
    }

    /// Marks the job, so that nobody reads half of it, then deletes its rows in chunks and its own row last.
    func erase(_ job: JobReference) async throws {
        _ = try await perform { connection in
            try await connection.transaction { connection in
                _ = try await connection.query(
                    "update job set deleted_at = coalesce(deleted_at, clock_timestamp()) where key = $1",
                    [.int(job.key)])
                _ = try await connection.query("delete from idempotency where job = $1", [.int(job.key)])
            }
        }
        for table in ["item", "page", "seen"] {
            while try await eraseChunk(table, job) == deleteChunk {}
        }
        // Empty since the job ended.
        _ = try await query("delete from queue where job = $1", [.int(job.key)])
        _ = try await query("delete from failure_count where job = $1", [.int(job.key)])
        _ = try await query("delete from job where key = $1", [.int(job.key)])
    }

    private func eraseChunk(_ table: String, _ job: JobReference) async throws -> Int {
        let result = try await query(
            "select erase_chunk($1::text::regclass, $2, $3, $4)",
            [.text(table), .date(job.bucket.days), .int(job.key), .integer(deleteChunk)])
        guard var row = result.first else { return 0 }
        return try Self.read { try row.next() }
    }

    static func wake(_ connection: PostgresConnection) async throws {
        _ = try await connection.query("select pg_notify($1, '')", [.text(wakeChannel)])
    }
}
