import Foundation
import HTTPCore
import Logging

/// Rows deleted from a default partition in one transaction.
private let defaultRowsChunk = 10_000
/// A table that somebody reads for long is left alone after so many tries, until the next maintenance.
private let maxDropAttempts = 5
/// Between two tries: those who queued behind the last one go first.
private let dropPause = Duration.milliseconds(500)
private let partitionedTables = ["item", "page", "seen"]

/// Jobs whose time is over: see ``Migration/retentionFunctions``.
extension PostgresStore {
    func expired(_ id: JobID, owner: String?) async throws -> ExpiredJob? {
        let result = try await query(
            """
            select state, stop_reason, outcome, finished_at, expired_at from job
            where id = $1 and ($2 is null or owner = $2) and expired_at is not null
            """, [.uuid(id.uuid), .text(owner)])
        guard var row = result.first else { return nil }
        return try Self.read {
            ExpiredJob(
                id: id, state: try row.word(), stopReason: try row.optionalWord(),
                outcome: try row.optionalWord(), finishedAt: try row.nextOptional(),
                expiredAt: try row.next())
        }
    }

    /// Any number of replicas may do this at once, and stop half-way: what is left is found the next time.
    func expireJobs() async throws {
        guard let days = configuration.retainDays else { return }
        try await expireDays(days)
        // With their deliveries: nobody is told any more, and the secret has nothing left to sign.
        _ = try await query(
            "delete from webhook w using job j where j.key = w.job and j.expired_at is not null")
        try await eraseValidators(of: nil)
        try await dropDays(days)
        for table in partitionedTables {
            while try await eraseDefaultRows(table, days) == defaultRowsChunk {}
        }
    }

    private func expireDays(_ days: Int) async throws {
        let found = try await query(
            "select distinct bucket from job where expired_at is null and is_past(bucket, $1) order by bucket",
            [.integer(days)])
        for row in found.rows {
            let day = try Self.read {
                var row = row
                return try row.next(PostgresDay.self)
            }
            let jobs = try await number("select expire_day($1, $2)", [.date(day.days), .integer(days)])
            if jobs > 0 { logger.info("jobs expired", metadata: ["day": "\(day)", "jobs": "\(jobs)"]) }
        }
    }

    private func dropDays(_ days: Int) async throws {
        let found = try await query("select o_table, o_day from days_to_drop($1)", [.integer(days)])
        for row in found.rows {
            let (table, day) = try Self.read {
                var row = row
                return (try row.next(String.self), try row.next(PostgresDay.self))
            }
            try await drop(table, day, days)
        }
    }

    private func drop(_ table: String, _ day: PostgresDay, _ days: Int) async throws {
        for attempt in 1...maxDropAttempts {
            do {
                let result = try await query(
                    "select drop_day($1, $2, $3)", [.text(table), .date(day.days), .integer(days)])
                let dropped = try Self.read {
                    var row = result.first
                    return try row?.next(Bool.self) ?? false
                }
                if dropped {
                    logger.info("partition dropped", metadata: ["table": "\(table)", "day": "\(day)"])
                }
                return
            } catch StoreError.unavailable(let cause) where attempt < maxDropAttempts {
                logger.debug("the partition is in use", metadata: ["table": "\(table)", "cause": "\(cause)"])
                try await pool.loop.sleep(for: dropPause)
            }
        }
    }

    private func eraseDefaultRows(_ table: String, _ days: Int) async throws -> Int {
        try await number(
            "select erase_default_rows($1, $2, $3)",
            [.text(table), .integer(days), .integer(defaultRowsChunk)])
    }

    private func number(_ sql: String, _ arguments: PostgresArguments) async throws -> Int {
        let result = try await query(sql, arguments)
        guard var row = result.first else { return 0 }
        return try Self.read { try row.next() }
    }
}
