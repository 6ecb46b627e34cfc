import Foundation
import HTTPCore
import Logging

/// The schema cannot be brought to what this binary needs.
enum MigrationError: Error, Hashable, Sendable, CustomStringConvertible {
    /// A newer service has migrated this database: run that one.
    case newerSchema(found: Int, known: Int)
    /// A step was applied with another text than this binary carries.
    case changed(version: Int)
    case failed(version: Int, String)

    var description: String {
        switch self {
        case .newerSchema(let found, let known):
            "the database has schema version \(found), this binary knows \(known): start the newer service"
        case .changed(let version):
            "schema step \(version) in the database is not the one this binary carries"
        case .failed(let version, let cause): "schema step \(version) failed: \(cause)"
        }
    }
}

/// Brings a database to the schema of this binary. Any number of processes may do so at once: one does each
/// step.
struct Migrator: Sendable {
    /// Any number that nothing else locks.
    private static let lockKey: Int64 = 0x7363_7261_7065
    /// For other starts to finish: each holds the lock for its own step only.
    private static let waitLimit = Duration.seconds(120)
    /// A step that waits for somebody's table lock blocks everybody behind it: give up early.
    private static let lockTimeout = "5s"

    var configuration: StorageConfiguration
    var migrations = Migration.all

    /// Returns the steps this call has applied. Throws ``MigrationError`` or ``StoreError``.
    @discardableResult
    func migrate(on loop: EventLoop, logger: Logger) async throws -> [Int] {
        var session = configuration.directConnection
        session.statementTimeout = Self.waitLimit
        let connection = PostgresConnection(session, on: loop, logger: logger)
        do {
            try await connection.open()
            var applied: [Int] = []
            // Most starts find everything done, and then wait for no lock.
            let done = try await Self.digests(connection)
            for migration in migrations where done[migration.version] != migration.digest {
                guard try await apply(migration, connection) else { continue }
                logger.info(
                    "schema step \(migration.version) applied", metadata: ["step": "\(migration.name)"])
                applied.append(migration.version)
            }
            try await check(connection)
            _ = try await connection.query(
                "select ensure_partitions((now() at time zone 'UTC')::date - 1, $1)",
                [.integer(configuration.partitionDays + 2)])
            await connection.close()
            return applied
        } catch {
            await connection.close()
            throw (error as? PostgresError).map(StoreError.init) ?? error
        }
    }

    private func check(_ connection: PostgresConnection) async throws {
        let found = try await Self.version(connection)
        let known = migrations.map(\.version).max() ?? 0
        if found > known { throw MigrationError.newerSchema(found: found, known: known) }
    }

    /// The schema's version; throws where there is no schema.
    static func version(_ connection: PostgresConnection) async throws -> Int {
        let result = try await connection.query(
            "select coalesce(max(version), 0)::bigint from schema_migration")
        guard var row = result.first else { return 0 }
        return try row.next()
    }

    /// The steps that are there, by version; none where there is no schema.
    private static func digests(_ connection: PostgresConnection) async throws -> [Int: String] {
        let found = try await connection.query("select to_regclass('schema_migration') is not null")
        guard var row = found.first, try row.next() else { return [:] }
        let result = try await connection.query("select version, sha256 from schema_migration")
        return try result.rows.reduce(into: [:]) { digests, row in
            var row = row
            let version: Int = try row.next()
            digests[version] = try row.next(String.self)
        }
    }

    private func apply(_ migration: Migration, _ connection: PostgresConnection) async throws -> Bool {
        try await connection.run("begin")
        do {
            // Held by the transaction, not the session: poolers and crashes leave nothing behind.
            _ = try await connection.query("select pg_advisory_xact_lock($1)", [.int(Self.lockKey)])
            try await connection.run(
                """
                create table if not exists schema_migration (
                    version integer primary key, name text not null, sha256 text not null,
                    applied_at timestamptz(3) not null default clock_timestamp())
                """)
            let done = try await connection.query(
                "select sha256 from schema_migration where version = $1", [.integer(migration.version)])
            if var row = done.first {
                let digest: String = try row.next()
                try await connection.run("commit")
                guard digest == migration.digest else {
                    throw MigrationError.changed(version: migration.version)
                }
                return false
            }
            try await connection.run("set local lock_timeout = '\(Self.lockTimeout)'")
            try await connection.run(migration.sql)
            _ = try await connection.query(
                "insert into schema_migration (version, name, sha256) values ($1, $2, $3)",
                [.integer(migration.version), .text(migration.name), .text(migration.digest)])
            try await connection.run("commit")
            return true
        } catch let error as PostgresError where error.kind == .statement && !error.isTransient {
            throw MigrationError.failed(version: migration.version, error.message)
        }
    }
}
