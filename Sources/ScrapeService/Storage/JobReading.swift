import Foundation

/// The columns every read of a job has; `JobRow` reads them in this order.
private let jobColumns = """
    j.id, j.name, j.state, j.stop_reason, j.outcome, j.created_at, j.started_at, j.finished_at,
    s.discovered, s.fetched, s.failed, s.skipped, s.retries, s.items, s.bytes, s.start_fetched, s.files,
    s.in_flight, s.pages_per_second, s.items_per_second, s.hosts, j.revision + s.version, f.codes, f.counts,
    w.codes, w.counts, w.kinds, w.fields, c.kinds, c.fields, c.filled, c.items, b.kinds, b.pages
    """

/// Warnings, fields and page kinds that one read of a status gives at most: more than 4 KiB have room for.
private let maxListed = 100

/// A job's shards, failures and warnings as one row each: sums over a handful of rows found by key.
private let jobJoins = """
    cross join lateral (
        select sum(s.discovered)::bigint as discovered, sum(s.fetched)::bigint as fetched,
            sum(s.failed)::bigint as failed, sum(s.skipped)::bigint as skipped,
            sum(s.retries)::bigint as retries, sum(s.items)::bigint as items, sum(s.bytes)::bigint as bytes,
            sum(s.start_fetched)::bigint as start_fetched, sum(s.files)::bigint as files, sum(s.in_flight)::bigint as in_flight,
            sum(s.pages_per_second) as pages_per_second, sum(s.items_per_second) as items_per_second,
            array_agg(s.hosts::text) filter (where s.hosts is not null) as hosts, sum(s.version)::bigint as version
        from shard s where s.job = j.key) s
    cross join lateral (
        select array_agg(c.code order by c.n desc, c.code) as codes,
            array_agg(c.n order by c.n desc, c.code) as counts
        from (
            select f.code, sum(f.n)::bigint as n
            from failure_count f where f.job = j.key group by f.code) c) f
    cross join lateral (
        select array_agg(w.code order by w.place, w.n desc, w.code) as codes,
            array_agg(w.n order by w.place, w.n desc, w.code) as counts,
            array_agg(w.name order by w.place, w.n desc, w.code) as kinds,
            array_agg(w.field order by w.place, w.n desc, w.code) as fields
        from (
            -- No code hides another: first the most frequent warning of each.
            select w.code, sum(w.n)::bigint as n, coalesce(max(c.name), '') as name,
                coalesce(max(c.fields[w.field + 1]), '') as field,
                row_number() over (partition by w.code order by sum(w.n) desc, w.kind, w.field) as place
            from warning_count w
            left join field_count c on c.job = w.job and c.shard = w.shard and c.kind = w.kind
            where w.job = j.key group by w.code, w.kind, w.field order by place, n desc limit \(maxListed)) w) w
    cross join lateral (
        select array_agg(f.name order by f.place) as kinds, array_agg(f.field order by f.place) as fields,
            array_agg(f.filled order by f.place) as filled, array_agg(f.items order by f.place) as items
        from (
            select s.*, row_number() over (order by s.filled::float8 / greatest(s.items, 1), s.kind, s.n) as place
            from (
                select c.kind, c.name, u.n, u.field, sum(u.filled)::bigint as filled,
                    sum(c.items)::bigint as items
                from field_count c
                cross join lateral unnest(c.fields, c.filled) with ordinality as u(field, filled, n)
                where c.job = j.key group by c.kind, c.name, u.n, u.field) s
            order by place limit \(maxListed)) f) c
    cross join lateral (
        select array_agg(k.name order by k.kind) as kinds, array_agg(k.pages order by k.kind) as pages
        from (
            select c.kind, c.name, sum(c.pages)::bigint as pages from field_count c
            where c.job = j.key and cardinality(c.fields) > 0
            group by c.kind, c.name having sum(c.items) = 0 order by c.kind limit \(maxListed)) k) b
    """

extension PostgresStore {
    func snapshot(of id: JobID, owner: String?) async throws -> JobSnapshot? {
        try await perform { connection in
            let result = try await connection.query(
                """
                select \(jobColumns) from job j \(jobJoins)
                where j.id = $1 and ($2 is null or j.owner = $2) and j.deleted_at is null
                """, [.uuid(id.uuid), .text(owner)])
            guard let row = result.first else { return nil }
            return try JobSnapshot(row, retainDays: configuration.retainDays)
        }
    }

    func spec(of id: JobID, owner: String?) async throws -> JobSpec? {
        let result = try await query(
            "select spec::text from job where id = $1 and ($2 is null or owner = $2) and deleted_at is null",
            [.uuid(id.uuid), .text(owner)])
        guard var row = result.first else { return nil }
        return try JobSpec(stored: try Self.read { try row.next() })
    }

    func jobs(
        _ filter: JobFilter, owner: String?, after: JobListPosition?, limit: Int
    ) async throws -> [JobSnapshot] {
        // Nil comparisons fold away: the plan is made for the values at hand.
        let arguments: PostgresArguments = [
            .text(owner), .text(filter.state?.rawValue), .text(filter.name), .timestamp(filter.createdAfter),
            .text(after?.id.description), .int(limit),
        ]
        return try await perform { connection in
            let result = try await connection.query(
                """
                select \(jobColumns) from (
                    select * from job
                    where ($1 is null or owner = $1) and ($2 is null or state = $2)
                        and ($3 is null or name = $3) and ($4 is null or created_at > $4)
                        and ($5 is null or id < $5::uuid)
                        and deleted_at is null
                    order by id desc limit $6) j \(jobJoins)
                order by j.id desc
                """, arguments)
            return try result.rows.map { try JobSnapshot($0, retainDays: configuration.retainDays) }
        }
    }

    func items(of id: JobID, after: Position, limit: Int) async throws -> Slice<Item> {
        try await walk(id, after: after, limit: limit) { job, shard, last, count in
            let result = try await self.query(
                ItemQuery.text,
                [.date(job.bucket.days), .int(job.key), .smallInt(shard), .int(last), .int(count)])
            return try Self.read {
                try result.rows.map { row in
                    var row = row
                    let item = Item(
                        seq: try row.next(), url: try row.next(), kind: try row.next(),
                        scrapedAt: try row.next(),
                        data: ItemData(json: try row.next()))
                    return (item.seq, item)
                }
            }
        }
    }

    /// Without a status, or for queued pages, in order of discovery; settled ones of one status or code in the
    /// order of their settling. Either way nothing appears behind a position, so a walk misses nothing while the
    /// job runs.
    func pages(
        of id: JobID, _ filter: LedgerFilter, after: Position, limit: Int
    ) async throws -> Slice<LedgerEntry> {
        let sql = LedgerQuery.text(for: filter)
        return try await walk(id, after: after, limit: limit) { job, shard, last, count in
            let result = try await self.query(
                sql,
                [
                    .date(job.bucket.days), .int(job.key), .smallInt(shard), .int(last), .int(count),
                    .text(filter.status?.rawValue), .text(filter.code),
                ])
            return try Self.read { try result.rows.map { try LedgerQuery.entry($0) } }
        }
    }

    /// Reads shard after shard from a position until `limit` elements are there.
    func walk<Element: Sendable>(
        _ id: JobID, after: Position, limit: Int,
        _ read: (JobReference, _ shard: Int, _ last: Int64, _ count: Int) async throws -> [(Int64, Element)]
    ) async throws -> Slice<Element> {
        var slice = Slice<Element>(elements: [], position: after, hasMore: false)
        guard let job = try await reference(of: id) else { return slice }
        for shard in 0..<(try await shards(of: job)) {
            let wanted = limit - slice.elements.count
            // One more than wanted tells whether there are more.
            let rows = try await read(job, shard, slice.position[shard], wanted + 1)
            if rows.count > wanted { slice.hasMore = true }
            for (number, element) in rows.prefix(wanted) {
                slice.elements.append(element)
                slice.position[shard] = number
            }
            if slice.hasMore { break }
        }
        return slice
    }

    /// Grows while the job runs.
    private func shards(of job: JobReference) async throws -> Int {
        let result = try await query("select shards from job where key = $1", [.int(job.key)])
        guard var row = result.first else { return 0 }
        return try Self.read { try row.next() }
    }

    func reference(of id: JobID) async throws -> JobReference? {
        if let known = remembered(id) { return known }
        let result = try await query("select key, bucket from job where id = $1", [.uuid(id.uuid)])
        guard var row = result.first else { return nil }
        let reference = try Self.read { JobReference(key: try row.next(), bucket: try row.next()) }
        remember(reference, for: id)
        return reference
    }

    func checkReady() async throws {
        let version = try await perform(acquireTimeout: configuration.readinessTimeout) { connection in
            do { return try await Migrator.version(connection) } catch let error as PostgresError {
                // No such table: connected, but never migrated.
                if error.sqlState == "42P01" { return 0 }
                throw error
            }
        }
        guard version == Migration.latestVersion else {
            throw StoreError.foreignSchema(
                "the database has schema version \(version), this service needs \(Migration.latestVersion)")
        }
    }

    /// Turns what a row reader throws into a ``StoreError``.
    static func read<Value>(_ body: () throws -> Value) throws -> Value {
        do { return try body() } catch let error as PostgresError { throw StoreError(error) }
    }
}

extension JobSpec {
    init(stored json: String) throws {
        do {
            self = try JSONDecoder().decode(JobSpec.self, from: Data(json.utf8))
        } catch {
            throw StoreError.failed("a stored job does not decode: \(error)")
        }
    }
}

extension JobCounters {
    /// The eight columns from `discovered` to `start_fetched`.
    init(_ row: inout PostgresRow) throws(PostgresError) {
        self.init(
            discovered: try row.next(), fetched: try row.next(), failed: try row.next(),
            skipped: try row.next(),
            retries: try row.next(), items: try row.next(), bytes: try row.next(),
            startFetched: try row.next())
    }
}

extension JobSnapshot {
    fileprivate init(_ row: PostgresRow, retainDays: Int?) throws(PostgresError) {
        var row = row
        id = JobID(uuid: try row.next())
        name = try row.nextOptional()
        state = try row.word()
        stopReason = try row.optionalWord()
        outcome = try row.optionalWord()
        createdAt = try row.next()
        startedAt = try row.nextOptional()
        let finished: Date? = try row.nextOptional()
        finishedAt = finished
        expiresAt = retainDays.flatMap { finished?.addingTimeInterval(Double($0) * 86_400) }
        counters = try JobCounters(&row)
        files = try row.next()
        // What a job that is over has left is skipped; moving it to the ledger may take a while.
        if state.isTerminal { counters.skipped += counters.remaining }
        let inFlight: Int = try row.next()
        gauges = JobGauges(
            // The gauge is a batch old, and older where a replica died: never more than there is.
            inFlight: min(inFlight, counters.remaining),
            pagesPerSecond: try row.next(), itemsPerSecond: try row.next(),
            hosts: HostWait.merged(try row.nextOptional() ?? []))
        version = try row.next()
        failures = try Self.counts(&row).map { FailureCount(code: $0, count: $1) }
        warnings = try Self.warnings(&row)
        fields = try Self.coverage(&row)
        barrenKinds = try Self.counts(&row).map { (kind: $0, pages: $1) }
    }

    /// Four columns; an empty name is none.
    private static func warnings(_ row: inout PostgresRow) throws(PostgresError) -> [WarningCount] {
        let counts = try counts(&row)
        let kinds: [String] = try row.nextOptional() ?? []
        let fields: [String] = try row.nextOptional() ?? []
        return zip(counts, zip(kinds, fields)).map { count, names in
            WarningCount(
                code: count.0, count: count.1, kind: names.0.isEmpty ? nil : names.0,
                field: names.1.isEmpty ? nil : names.1)
        }
    }

    /// Four columns.
    private static func coverage(_ row: inout PostgresRow) throws(PostgresError) -> [FieldCoverage] {
        let kinds: [String] = try row.nextOptional() ?? []
        let fields: [String] = try row.nextOptional() ?? []
        let filled: [Int] = try row.nextOptional() ?? []
        let items: [Int] = try row.nextOptional() ?? []
        return zip(zip(kinds, fields), zip(filled, items)).map { names, counts in
            FieldCoverage(kind: names.0, field: names.1, filled: counts.0, items: counts.1)
        }
    }

    /// Two columns: codes and how often each was counted; null where nothing was.
    private static func counts(_ row: inout PostgresRow) throws(PostgresError) -> Zip2Sequence<
        [String], [Int]
    > {
        let codes: [String] = try row.nextOptional() ?? []
        let counts: [Int] = try row.nextOptional() ?? []
        return zip(codes, counts)
    }
}

extension PostgresRow {
    /// A column that holds one of the domain's words.
    mutating func word<Word: RawRepresentable<String>>() throws(PostgresError) -> Word {
        guard let word: Word = try optionalWord() else { throw PostgresError(.misuse, "no \(Word.self)") }
        return word
    }

    mutating func optionalWord<Word: RawRepresentable<String>>() throws(PostgresError) -> Word? {
        guard let text: String = try nextOptional() else { return nil }
        guard let word = Word(rawValue: text) else {
            throw PostgresError(.misuse, "\(text) is no \(Word.self)")
        }
        return word
    }
}
