import Foundation
import Logging

extension PostgresStore {
    func heartbeat(_ replica: ReplicaID, ttl: Duration) async throws -> Bool {
        let seconds = PostgresValue.double(ttl / .seconds(1))
        if isAnnounced(replica) {
            let extended = try await query(
                "update replica set expires_at = clock_timestamp() + make_interval(secs => $2) where id = $1",
                [.uuid(replica.uuid), seconds])
            // Pruned: to come back under the same name would claim leases that others hold now.
            if extended.affected == 0 { setAnnounced(replica, false) }
            return extended.affected > 0
        }
        _ = try await query(
            """
            insert into replica (id, expires_at, host, pid, process_start, version)
            values ($1, clock_timestamp() + make_interval(secs => $2), $3, $4, $5, $6)
            on conflict (id) do update set expires_at = excluded.expires_at
            """,
            [
                .uuid(replica.uuid), seconds, .text(process.place ?? ""), .integer(process.pid),
                .int(process.start),
                .text(configuration.serviceVersion),
            ])
        setAnnounced(replica, true)
        return true
    }

    func retire(_ replica: ReplicaID) async throws {
        setAnnounced(replica, false)
        try await perform { connection in
            try await connection.transaction { connection in
                let gone = try await connection.query(
                    "delete from replica where id = $1", [.uuid(replica.uuid)])
                if gone.affected > 0 { try await Self.wake(connection) }
            }
        }
    }

    /// Frees the leases of processes of this machine that are gone, so that a restart after `kill -9` takes
    /// over at once instead of after the lease. For the start of a service.
    func pruneDeadReplicas() async throws {
        guard let place = process.place else { return }
        let found = try await query(
            "select id, pid, process_start from replica where host = $1", [.text(place)])
        let dead: [UUID] = try Self.read {
            try found.rows.compactMap { row in
                var row = row
                let id: UUID = try row.next()
                let former = ProcessIdentity(place: place, pid: try row.next(), start: try row.next())
                return former.isAlive ? nil : id
            }
        }
        guard !dead.isEmpty else { return }
        _ = try await query("delete from replica where id = any ($1)", [.uuids(dead)])
        logger.info(
            "leases of dead processes of this machine are free", metadata: ["replicas": "\(dead.count)"])
    }

    func claim(for replica: ReplicaID, holding: [Int64]?) async throws -> JobLease? {
        // Beside the claim: a large deletion that was cut short must not keep jobs waiting.
        if isMaintenanceDue() { Task { await maintain() } }
        return try await perform { connection in
            // A transaction of its own: a claim holds a shard's lock when it looks at replicas, pruning takes
            // them the other way round.
            _ = try await connection.query(
                """
                delete from replica where id in (
                    select id from replica where expires_at < clock_timestamp() for update skip locked)
                """)
            if let holding {
                _ = try await connection.query(
                    "update shard set owner = null where owner = $1 and job <> all ($2)",
                    [.uuid(replica.uuid), .ints(holding)])
            }
            let claimed = try await connection.query("select * from claim_shard($1)", [.uuid(replica.uuid)])
            guard let row = claimed.first else { return nil }
            return try JobLease(row)
        }
    }

    func release(_ lease: JobLease) async throws {
        try await perform { connection in
            try await connection.transaction { connection in
                let freed = try await connection.query(
                    """
                    update shard set owner = null, in_flight = 0, pages_per_second = 0, items_per_second = 0,
                        version = version + 1
                    where job = $1 and shard = $2 and epoch = $3 and owner is not null
                    """, lease.arguments)
                if freed.affected > 0 { try await Self.wake(connection) }
            }
        }
    }

    func frontier(_ lease: JobLease, after pageID: Int64, limit: Int) async throws -> [QueuedPage] {
        let result = try await query(
            """
            select page_id, kind, url, depth, attempt from queue
            where job = $1 and shard = $2 and attempt = 0 and page_id > $3
            order by page_id limit $4
            """, [.int(lease.key), .smallInt(lease.shard), .int(pageID), .int(limit)])
        return try Self.read {
            try result.rows.map { row in
                var row = row
                return try QueuedPage(&row)
            }
        }
    }

    func retries(_ lease: JobLease, limit: Int) async throws -> RetryWindow {
        let result = try await query(
            """
            select page_id, kind, url, depth, attempt,
                extract(epoch from not_before - clock_timestamp())::float8,
                (select count(*) from queue where job = $1 and shard = $2 and attempt > 0)
            from queue where job = $1 and shard = $2 and attempt > 0
            order by not_before limit $3
            """, [.int(lease.key), .smallInt(lease.shard), .int(limit + 1)])
        return try Self.read {
            var window = RetryWindow(due: [], nextIn: nil)
            for row in result.rows {
                var row = row
                let page = try QueuedPage(&row)
                let wait: Double = try row.next()
                window.total = Int(try row.next() as Int64)
                if wait > 0 || window.due.count == limit {
                    window.nextIn = .seconds(max(0, wait))
                    break
                }
                window.due.append(page)
            }
            return window
        }
    }

    /// What nobody waits for: partitions of the coming days, old idempotency keys, deletions that were cut
    /// short, jobs whose time is over.
    func maintain() async {
        do {
            _ = try await query(
                "select ensure_partitions((now() at time zone 'UTC')::date, $1)",
                [.integer(configuration.partitionDays)])
            _ = try await query(
                "delete from idempotency where created_at < clock_timestamp() - make_interval(secs => $1)",
                [.double(configuration.idempotencyRetention / .seconds(1))])
            let marked = try await query(
                """
                select key, bucket, shards from job
                where deleted_at < clock_timestamp() - interval '1 hour' and expired_at is null limit 100
                """)
            for row in marked.rows {
                var row = row
                try await erase(
                    JobReference(key: try row.next(), bucket: try row.next(), shards: try row.next()))
            }
            try await expireJobs()
        } catch {
            // Nothing depends on it today: default partitions take what has none, the rest waits for the next
            // time.
            logger.warning("maintenance did not finish", metadata: ["cause": "\(error)"])
        }
    }
}

extension JobLease {
    /// Job, shard, epoch: how every statement of a lease begins.
    var arguments: PostgresArguments { PostgresArguments(values) }

    var values: [PostgresValue] { [.int(key), .smallInt(shard), .int(epoch)] }

    fileprivate init(_ row: PostgresRow) throws {
        var row = row
        key = try row.next()
        job = JobID(uuid: try row.next())
        shard = try row.next()
        epoch = try row.next()
        spec = try JobSpec(stored: try row.next())
        state = try row.word()
        elapsed = .seconds(try row.next(Double.self))
        counters = try JobCounters(&row)
    }
}

extension QueuedPage {
    fileprivate init(_ row: inout PostgresRow) throws(PostgresError) {
        self.init(
            id: try row.next(), kind: try row.next(), url: WebURL(canonical: try row.next()),
            depth: try row.next(), attempt: try row.next())
    }
}
