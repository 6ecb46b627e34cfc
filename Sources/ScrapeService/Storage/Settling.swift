import Foundation

/// Pages skipped in one transaction when a job ends: each takes well under a second.
private let skipChunk = 10_000

extension PostgresStore {
    func settle(
        _ lease: JobLease, _ batch: [PageSettlement], gauges: JobGauges
    ) async throws -> SettleOutcome {
        // Encoded here, on the caller's thread: the event loop gets one buffer.
        let arguments = SettleColumns(batch).arguments(lease, gauges)
        let result = try await query(
            """
            select o_held, o_state, o_discovered, o_fetched, o_failed, o_skipped, o_retries, o_items, o_bytes,
                o_start_fetched
            from settle_batch($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17,
                $18, $19, $20, $21, $22, $23, $24, $25)
            """, arguments)
        guard var row = result.first else { throw StoreError.failed("settling gave no row") }
        return try Self.read {
            let held: Bool = try row.next()
            // A job that was deleted meanwhile has neither row: it is over, and so is the lease.
            let state: JobState? = try row.optionalWord()
            let counters = held ? try JobCounters(&row) : JobCounters()
            return SettleOutcome(leaseHeld: held, counters: counters, state: state ?? .cancelled)
        }
    }

    func finish(_ lease: JobLease, _ end: JobEnd) async throws -> Bool {
        if let reason = end.skipRest {
            var moved = Int64(skipChunk)
            while moved == skipChunk {
                moved = try await skipRest(lease, reason)
                if moved < 0 { return false }
            }
        }
        let result = try await query(
            "select finish_job($1, $2, $3, $4, $5, $6, $7)",
            PostgresArguments(
                lease.values + [
                    .text(end.state.rawValue), .text(end.reason.rawValue), .text(end.outcome?.rawValue),
                    .text(end.error),
                ]))
        guard var row = result.first else { return false }
        return try Self.read { try row.next() }
    }

    /// How many pages were skipped; −1 when the lease is lost.
    private func skipRest(_ lease: JobLease, _ reason: SkipReason) async throws -> Int64 {
        let result = try await query(
            "select skip_rest($1, $2, $3, $4, $5)",
            PostgresArguments(lease.values + [.text(reason.rawValue), .integer(skipChunk)]))
        guard var row = result.first else { return -1 }
        return try Self.read { try row.next() }
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

    init(_ batch: [PageSettlement]) {
        for settlement in batch { append(settlement) }
    }

    private mutating func append(_ settlement: PageSettlement) {
        switch settlement.result {
        case .fetched(let items, let found):
            leave(settlement, .fetched, nil, items: items.count)
            for (order, item) in items.enumerated() {
                itemPages.append(settlement.page.id)
                itemOrders.append(order)
                itemData.append(item.json)
            }
            for link in found {
                links.append(link, depth: settlement.page.depth + 1, from: settlement.page.id)
            }
        case .failed(let code): leave(settlement, .failed, code.text)
        case .skipped(let reason): leave(settlement, .skipped, reason.rawValue)
        case .retry(_, let after):
            retryPages.append(settlement.page.id)
            retryAttempts.append(settlement.page.attempt)
            retryDelays.append(after / .seconds(1))
        }
    }

    private mutating func leave(
        _ settlement: PageSettlement, _ status: PageStatus, _ error: String?, items: Int = 0
    ) {
        pages.append(settlement.page.id)
        statuses.append(status.rawValue)
        httpStatuses.append(settlement.httpStatus)
        errors.append(error)
        details.append(settlement.detail)
        bytes.append(status == .skipped ? nil : settlement.bytes)
        seconds.append(status == .skipped ? nil : settlement.seconds)
        itemCounts.append(items)
    }

    func arguments(_ lease: JobLease, _ gauges: JobGauges) -> PostgresArguments {
        PostgresArguments(
            lease.values + [
                .ints(pages), .texts(statuses), .int4s(httpStatuses), .texts(errors), .texts(details),
                .bigints(bytes), .doubles(seconds), .int4s(itemCounts),
                .ints(retryPages), .int4s(retryAttempts), .doubles(retryDelays),
                .ints(itemPages), .int4s(itemOrders), .jsons(itemData),
                .ints(links.sources), .uuids(links.hashes), .texts(links.kinds), .texts(links.urls),
                .int4s(links.depths),
                .integer(gauges.inFlight), .double(gauges.pagesPerSecond), .double(gauges.itemsPerSecond),
            ])
    }
}
