import Foundation
import Logging

/// Pages skipped in one transaction when a job has ended: each takes well under a second.
private let skipChunk = 10_000

extension PostgresStore {
    func settle(
        _ lease: JobLease, _ batch: [PageSettlement], gauges: JobGauges
    ) async throws -> SettleOutcome {
        do {
            return try await settleInPieces(lease, batch, gauges)
        } catch let error as PostgresError {
            throw StoreError(error)
        }
    }

    /// Pages of very many links may take longer together than a statement may: sent again as they are, they would
    /// time out for ever.
    private func settleInPieces(
        _ lease: JobLease, _ batch: [PageSettlement], _ gauges: JobGauges
    ) async throws -> SettleOutcome {
        do {
            return try await settleAtOnce(lease, batch, gauges)
        } catch let error as PostgresError where error.isStatementTimeout && batch.count > 1 {
            logger.warning(
                "a batch took too long, trying its halves",
                metadata: ["job_id": "\(lease.job)", "pages": "\(batch.count)"])
            let middle = batch.count / 2
            let first = try await settleInPieces(lease, Array(batch[..<middle]), gauges)
            guard first.leaseHeld else { return first }
            var second = try await settleInPieces(lease, Array(batch[middle...]), gauges)
            second.firstLink = min(first.firstLink, second.firstLink)
            return second
        }
    }

    private func settleAtOnce(
        _ lease: JobLease, _ batch: [PageSettlement], _ gauges: JobGauges
    ) async throws -> SettleOutcome {
        // Encoded here, on the caller's thread: the event loop gets one buffer.
        let arguments = SettleColumns(batch, lease.spec).arguments(lease, gauges)
        let sql = """
            select o_held, o_state, o_discovered, o_fetched, o_failed, o_skipped, o_retries, o_items, o_bytes,
                o_start_fetched, o_ending, o_open, o_first_link
            from settle_batch($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17,
                $18, $19, $20, $21, $22, $23, $24, $25, $26, $27, $28, $29, $30, $31)
            """
        let result = try await performOnce { try await $0.query(sql, arguments) }
        guard var row = result.first else { throw StoreError.failed("settling gave no row") }
        return try Self.read {
            let held: Bool = try row.next()
            // A job that was deleted meanwhile has neither row: it is over, and so is the lease.
            let state: JobState? = try row.optionalWord()
            let counters = held ? try JobCounters(&row) : JobCounters()
            guard held else {
                return SettleOutcome(leaseHeld: false, counters: counters, state: state ?? .cancelled)
            }
            return SettleOutcome(
                leaseHeld: true, counters: counters, state: state ?? .cancelled,
                ending: try row.optionalWord(), openShards: try row.next(),
                firstLink: try row.nextOptional() ?? .max)
        }
    }

    func reserve(_ lease: JobLease, more: Int, of maxPages: Int) async throws -> PageReservation? {
        let result = try await query(
            "select o_quota, o_spent from reserve_pages($1, $2, $3, $4, $5)",
            PostgresArguments(lease.values + [.int(Int64(more)), .int(Int64(maxPages))]))
        guard var row = result.first else { return nil }
        return try Self.read { PageReservation(quota: try row.next(), spent: try row.next()) }
    }

    func decide(_ lease: JobLease, _ end: JobEnd) async throws -> Bool {
        try await perform { connection in
            try await connection.transaction { connection in
                let result = try await connection.query(
                    "select decide_end($1, $2, $3, $4, $5)",
                    PostgresArguments(lease.values + [.text(end.reason.rawValue), .text(end.error)]))
                guard var row = result.first else { return false }
                // The other shards of the job stop as well.
                try await Self.wake(connection)
                return try row.next()
            }
        }
    }

    func skipRest(_ lease: JobLease, _ reason: StopReason) async throws -> Bool? {
        let result = try await query(
            "select skip_rest($1, $2, $3, $4, $5)",
            PostgresArguments(lease.values + [.text(reason.rawValue), .integer(skipChunk)]))
        guard var row = result.first else { return nil }
        let moved: Int64 = try Self.read { try row.next() }
        return moved < 0 ? nil : moved == skipChunk
    }

    func close(_ lease: JobLease) async throws -> ShardEnd {
        try await perform { connection in
            try await connection.transaction { connection in
                let result = try await connection.query(
                    "select o_result, o_reason from close_shard($1, $2, $3)", lease.arguments)
                guard var row = result.first else { return .lost }
                let word: String = try row.next()
                switch word {
                case "open": return .open
                case "closed": return .closed
                case "ended":
                    try await Self.wake(connection)
                    return .ended(try row.word())
                default: return .lost
                }
            }
        }
    }

    func sweep() async throws -> Bool {
        let result = try await query("select sweep_any($1)", [.integer(skipChunk)])
        guard var row = result.first else { return false }
        let isMore = try Self.read { try row.nextOptional(Int64.self) ?? -1 } >= 0
        return try await sweepFiles() || isMore
    }

    /// Moves some of what a job left behind when it ended. Returns whether there is more.
    func sweep(_ job: JobReference) async throws -> Bool {
        let result = try await query("select sweep_job($1, $2, true)", [.int(job.key), .integer(skipChunk)])
        guard var row = result.first else { return false }
        return try Self.read { try row.next(Int64.self) } > 0
    }
}

/// A batch as columns, the way `settle_batch` takes it: arrays have no limit of 65,535 parameters.
private struct SettleColumns {
    var pages: [Int64] = []
    var statuses: [String?] = []
    var httpStatuses: [Int?] = []
    var errors: [String?] = []
    var details: [String?] = []
    var bytes: [Int?] = []
    var seconds: [Double?] = []
    var itemCounts: [Int?] = []
    var retryPages: [Int64] = []
    var retryAttempts: [Int?] = []
    var retryDelays: [Double?] = []
    var itemPages: [Int64] = []
    var itemOrders: [Int?] = []
    var itemData: [String] = []
    var links = FoundPages()
    var files = SettledFiles()
    var fields: FieldCounts

    /// JSON; nil where no page is to be remembered.
    var validators: String?

    init(_ batch: [PageSettlement], _ spec: JobSpec) {
        fields = FieldCounts(spec)
        validators = RememberedPage.stored(batch, spec)
        for settlement in batch { append(settlement) }
    }

    private mutating func append(_ settlement: PageSettlement) {
        switch settlement.result {
        case .fetched(let yield):
            leave(
                settlement, .fetched, yield.isNotModified ? notModifiedCode : nil, yield.encoding,
                items: yield.items.count)
            for (order, item) in yield.items.enumerated() {
                itemPages.append(settlement.page.id)
                itemOrders.append(order)
                itemData.append(item.json)
            }
            if let file = yield.file { files.append(file, of: settlement.page.id) }
            for link in yield.links {
                links.append(link, depth: settlement.page.depth + 1, from: settlement.page.id)
            }
        case .failed(let code): leave(settlement, .failed, code.text, settlement.detail)
        case .skipped(let reason): leave(settlement, .skipped, reason.rawValue, settlement.detail)
        case .retry(_, let after):
            retryPages.append(settlement.page.id)
            retryAttempts.append(settlement.page.attempt)
            retryDelays.append(after / .seconds(1))
        }
    }

    private mutating func leave(
        _ settlement: PageSettlement, _ status: PageStatus, _ error: String?, _ detail: String?,
        items: Int = 0
    ) {
        pages.append(settlement.page.id)
        statuses.append(status.rawValue)
        httpStatuses.append(settlement.httpStatus)
        errors.append(error)
        details.append(detail)
        bytes.append(status == .skipped ? nil : settlement.bytes)
        seconds.append(status == .skipped ? nil : settlement.seconds)
        itemCounts.append(items)
        if case .fetched(let yield) = settlement.result {
            fields.add(settlement.page, yield.fields)
        } else {
            fields.add(settlement.page, nil)
        }
    }

    func arguments(_ lease: JobLease, _ gauges: JobGauges) -> PostgresArguments {
        PostgresArguments(
            lease.values + [
                .ints(pages), .texts(statuses), .int4s(httpStatuses), .texts(errors), .texts(details),
                .bigints(bytes), .doubles(seconds), .int4s(itemCounts),
                .ints(retryPages), .int4s(retryAttempts), .doubles(retryDelays),
                .ints(itemPages), .int4s(itemOrders), .jsons(itemData),
                .ints(links.sources), .uuids(links.hashes), .texts(links.kinds), .texts(links.urls),
                .int4s(links.depths), .texts(links.requests),
                .json(files.json), .bytesArray(files.bodies), .json(fields.json), .json(validators),
                .integer(gauges.inFlight), .double(gauges.pagesPerSecond), .double(gauges.itemsPerSecond),
                .json(HostWait.stored(gauges.hosts)),
            ])
    }
}
