import Foundation
import Logging

/// A shard that was split off waits this long for a replica that does not work on the job yet.
private let splitCourtesy = Duration.seconds(3)
/// Pages that move at once when a shard is split: one transaction of some 100 ms, seconds of work.
private let splitPages = 5000
/// Shards of one job: more than replicas that share a database. Numbers of items stay below 2^53.
private let maxShards = 256

extension PostgresStore {
    func heartbeat(_ replica: ReplicaID, ttl: Duration) async throws -> Int? {
        let seconds = PostgresValue.double(ttl / .seconds(1))
        if isAnnounced(replica) {
            let extended = try await query(
                """
                update replica set expires_at = clock_timestamp() + make_interval(secs => $2) where id = $1
                returning \(Self.livingReplicas)
                """, [.uuid(replica.uuid), seconds])
            // Pruned: to come back under the same name would claim leases that others hold now.
            guard var row = extended.first else {
                setAnnounced(replica, false)
                return nil
            }
            return try Self.read { try row.next() }
        }
        let announced = try await query(
            """
            insert into replica (id, expires_at, host, pid, process_start, version)
            values ($1, clock_timestamp() + make_interval(secs => $2), $3, $4, $5, $6)
            on conflict (id) do update set expires_at = excluded.expires_at
            returning \(Self.livingReplicas)
            """,
            [
                .uuid(replica.uuid), seconds, .text(process.place ?? ""), .integer(process.pid),
                .int(process.start),
                .text(configuration.serviceVersion),
            ])
        setAnnounced(replica, true)
        guard var row = announced.first else { return nil }
        return try Self.read { try row.next() }
    }

    /// Itself among them, whether or not it was there when the statement began.
    private static let livingReplicas = """
        1 + (select count(*)::integer from replica r
            where r.id <> replica.id and r.expires_at >= clock_timestamp())
        """

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

    func claim(for replica: ReplicaID, holding: [ShardReference]) async throws -> JobLease? {
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
            let jobs = PostgresValue.ints(holding.map(\.key))
            _ = try await connection.query(
                """
                update shard set owner = null where owner = $1 and not exists (
                    select from unnest($2, $3) as h(job, shard)
                    where h.job = shard.job and h.shard = shard.shard)
                """, [.uuid(replica.uuid), jobs, .int4s(holding.map(\.shard))])
            while let row = try await connection.query(
                "select * from claim_shard($1, $2, $3, $4)",
                [.uuid(replica.uuid), jobs, .ints(unreadable), .double(splitCourtesy / .seconds(1))]
            ).first {
                do {
                    return try JobLease(row)
                } catch StoreError.failed(let cause) {
                    try await leaveUnreadable(row, cause, connection)
                }
            }
            return nil
        }
    }

    /// A job that a newer service accepted is left to those who understand it.
    private func leaveUnreadable(
        _ row: PostgresRow, _ cause: String, _ connection: PostgresConnection
    ) async throws {
        var row = row
        let key: Int64 = try row.next()
        logger.error(
            "a job that this version does not understand", metadata: ["key": "\(key)", "cause": "\(cause)"])
        _ = try await connection.query("update shard set owner = null where job = $1", [.int(key)])
        setUnreadable(key)
    }

    func release(_ lease: JobLease) async throws {
        try await perform { connection in
            try await connection.transaction { connection in
                let freed = try await connection.query(
                    """
                    update shard set owner = null, in_flight = 0, pages_per_second = 0, items_per_second = 0,
                        hosts = null, version = version + 1
                    where job = $1 and shard = $2 and epoch = $3 and owner is not null
                    """, lease.arguments)
                if freed.affected > 0 { try await Self.wake(connection) }
            }
        }
    }

    func level(_ lease: JobLease) async throws -> FrontierLevel? {
        let result = try await query(
            """
            select depth, max(page_id) from queue where job = $1 and shard = $2
            group by depth order by depth limit 1
            """, [.int(lease.key), .smallInt(lease.shard)])
        guard var row = result.first else { return nil }
        return try Self.read { FrontierLevel(depth: try row.next(), last: try row.next()) }
    }

    func frontier(
        _ lease: JobLease, after pageID: Int64, limit: Int, passingOver origins: [String],
        upTo level: FrontierLevel? = nil
    ) async throws -> FrontierSlice {
        // What is passed over is looked at all the same: the stretch is bounded, not what it yields.
        let result = try await query(
            """
            with stretch as materialized (
                select page_id, kind, url, depth, attempt, request, origin from queue
                where job = $1 and shard = $2 and attempt = 0 and page_id > $3 and page_id <= $7
                    and depth <= $6
                order by page_id limit $4
            )
            select m.last, m.n, q.page_id, q.kind, q.url, q.depth, q.attempt, q.request
            from (select max(page_id) as last, count(*) as n from stretch) m
            left join stretch q on q.origin <> all ($5)
            order by q.page_id
            """,
            [
                .int(lease.key), .smallInt(lease.shard), .int(pageID), .int(Int64(limit)), .texts(origins),
                .integer(level?.depth ?? .max), .int(level?.last ?? .max),
            ])
        var slice = try Self.read {
            var slice = FrontierSlice(pages: [], scannedTo: nil, isLast: true)
            for row in result.rows {
                var row = row
                slice.scannedTo = try row.nextOptional()
                slice.isLast = try row.next(Int64.self) < limit
                if let id: Int64 = try row.nextOptional() { slice.pages.append(try QueuedPage(id, &row)) }
            }
            return slice
        }
        slice.pages = try await remember(slice.pages, of: lease)
        return slice
    }

    func frontier(
        _ lease: JobLease, of origin: String, after pageID: Int64, limit: Int,
        upTo level: FrontierLevel? = nil
    ) async throws -> FrontierSlice {
        let result = try await query(
            """
            select page_id, kind, url, depth, attempt, request from queue
            where job = $1 and shard = $2 and origin = $3 and attempt = 0 and page_id > $4
                and page_id <= $7 and depth <= $6
            order by page_id limit $5
            """,
            [
                .int(lease.key), .smallInt(lease.shard), .text(origin), .int(pageID), .int(Int64(limit)),
                .integer(level?.depth ?? .max), .int(level?.last ?? .max),
            ])
        let pages = try Self.read {
            try result.rows.map { row in
                var row = row
                return try QueuedPage(try row.next(), &row)
            }
        }
        return FrontierSlice(
            pages: try await remember(pages, of: lease), scannedTo: pages.last?.id,
            isLast: pages.count < limit)
    }

    func split(_ lease: JobLease, after pageID: Int64, quota: Int) async throws -> Int? {
        try await perform { connection in
            try await connection.transaction { connection in
                let result = try await connection.query(
                    "select split_shard($1, $2, $3, $4, $5, $6, $7)",
                    PostgresArguments(
                        lease.values + [
                            .int(pageID), .int(Int64(quota)), .integer(splitPages), .integer(maxShards),
                        ]))
                guard var row = result.first else { return nil }
                let moved: Int64 = try row.next()
                if moved > 0 { try await Self.wake(connection) }
                return moved < 0 ? nil : Int(moved)
            }
        }
    }

    func retries(
        _ lease: JobLease, limit: Int, passingOver origins: [String]
    ) async throws -> RetryWindow {
        let result = try await query(
            """
            select page_id, kind, url, depth, attempt, request,
                extract(epoch from not_before - clock_timestamp())::float8,
                (select count(*) from queue where job = $1 and shard = $2 and attempt > 0)
            from queue where job = $1 and shard = $2 and attempt > 0 and origin <> all ($4)
            order by not_before limit $3
            """, [.int(lease.key), .smallInt(lease.shard), .int(limit + 1), .texts(origins)])
        var window = try Self.read {
            var window = RetryWindow(due: [], nextIn: nil)
            for row in result.rows {
                var row = row
                let page = try QueuedPage(try row.next(), &row)
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
        window.due = try await remember(window.due, of: lease)
        return window
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
            _ = try await query(
                """
                delete from host h where not exists (select from host_use u where u.origin = h.origin)
                    and greatest(h.created_at, h.held_until, h.next_start)
                        < clock_timestamp() - interval '1 hour'
                """)
            let marked = try await query(
                """
                select key, bucket from job
                where deleted_at < clock_timestamp() - interval '1 hour' and expired_at is null limit 100
                """)
            for row in marked.rows {
                var row = row
                _ = try await erase(
                    JobReference(key: try row.next(), bucket: try row.next()))
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
        let ending: StopReason? = try row.optionalWord()
        elapsed = .seconds(try row.next(Double.self))
        self.ending = ending
        pageQuota = try row.next()
        openShards = try row.next()
        counters = try JobCounters(&row)
    }
}

extension QueuedPage {
    /// The columns behind the page's number.
    fileprivate init(_ id: Int64, _ row: inout PostgresRow) throws(PostgresError) {
        self.init(
            id: id, kind: try row.next(), url: WebURL(canonical: try row.next()),
            depth: try row.next(), attempt: try row.next())
        if let stored: String = try row.nextOptional() { request = try PageRequest(stored: stored) }
    }
}
