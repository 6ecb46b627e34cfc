import Foundation

extension PostgresStore: WebhookStore {
    func claimDeliveries(
        limit: Int, perReceiver: Int, active: [String: Int], for duration: Duration
    ) async throws -> [ClaimedDelivery] {
        let result = try await query(
            "select * from claim_deliveries($1, $2, $3, $4, $5)",
            [
                .integer(limit), .integer(perReceiver), .texts(active.map(\.key)),
                .int4s(active.map(\.value)), .double(duration / .seconds(1)),
            ])
        return try Self.read { try result.rows.map { try ClaimedDelivery($0) } }
    }

    func settle(_ delivery: ClaimedDelivery, _ outcome: DeliveryOutcome) async throws {
        var state = DeliveryState.pending
        var pause = Duration.zero
        switch outcome.result {
        case .delivered: state = .delivered
        case .failed: state = .failed
        case .retry(let after): pause = after
        }
        _ = try await query(
            """
            update delivery set state = $3, claimed_until = null, http_status = nullif($4, 0), error = $5, seconds = $6,
                next_attempt_at = clock_timestamp() + make_interval(secs => $7),
                attempted_at = clock_timestamp(),
                delivered_at = case when $3 = 'delivered' then clock_timestamp() end
            where key = $1 and attempts = $2 and state = 'pending'
            """,
            [
                .int(delivery.key), .integer(delivery.attempt), .text(state.rawValue),
                .integer(outcome.httpStatus ?? 0), .text(outcome.error?.text), .double(outcome.seconds),
                .double(pause / .seconds(1)),
            ])
    }

    func release(_ delivery: ClaimedDelivery) async throws {
        try await perform { connection in
            try await connection.transaction { connection in
                let freed = try await connection.query(
                    """
                    update delivery set claimed_until = null, next_attempt_at = clock_timestamp(),
                        round = round - 1
                    where key = $1 and attempts = $2 and claimed_until is not null
                    """, [.int(delivery.key), .integer(delivery.attempt)])
                if freed.affected > 0 { try await Self.wake(connection) }
            }
        }
    }

    /// Within the transaction that accepts the job.
    static func insert(
        _ webhook: Webhook, of job: JobReference, _ connection: PostgresConnection
    ) async throws {
        _ = try await connection.query(
            "insert into webhook (job, url, receiver, events, secret) values ($1, $2, $3, $4, $5)",
            [
                .int(job.key), .text(webhook.url.text), .text(webhook.url.origin),
                .texts(webhook.events.map(\.rawValue)), .text(webhook.secret?.text),
            ])
    }
}

extension PostgresStore: DeliveryLog {
    private static let columns = """
        d.key, d.id, d.event, d.state, d.attempts, d.http_status, d.error, d.seconds, d.created_at,
        d.attempted_at, case when d.state = 'pending' then d.next_attempt_at end, d.delivered_at
        """

    func deliveries(of id: JobID, after: Position, limit: Int) async throws -> Slice<Delivery> {
        var slice = Slice<Delivery>(elements: [], position: after, hasMore: false)
        guard let job = try await reference(of: id) else { return slice }
        // One more than wanted tells whether there are more.
        let result = try await query(
            "select \(Self.columns) from delivery d where d.job = $1 and d.key > $2 order by d.key limit $3",
            [.int(job.key), .int(after[0]), .int(limit + 1)])
        let rows = try Self.read { try result.rows.map { try Delivery.read($0) } }
        slice.hasMore = rows.count > limit
        for (key, delivery) in rows.prefix(limit) {
            slice.elements.append(delivery)
            slice.position[0] = key
        }
        return slice
    }

    func redeliver(_ delivery: UUID, of id: JobID, owner: String?) async throws -> Delivery? {
        try await perform { connection in
            try await connection.transaction { connection in
                let changed = try await connection.query(
                    """
                    update delivery d set state = 'pending', round = 0, next_attempt_at = clock_timestamp(),
                        claimed_until = null, delivered_at = null
                    from job j
                    where j.id = $1 and ($2 is null or j.owner = $2) and j.deleted_at is null
                        and d.job = j.key and d.id = $3
                        and (d.claimed_until is null or d.claimed_until < clock_timestamp())
                    """, [.uuid(id.uuid), .text(owner), .uuid(delivery)])
                if changed.affected > 0 { try await Self.wake(connection) }
                let found = try await connection.query(
                    """
                    select \(Self.columns) from delivery d join job j on j.key = d.job
                    where j.id = $1 and ($2 is null or j.owner = $2) and j.deleted_at is null and d.id = $3
                    """, [.uuid(id.uuid), .text(owner), .uuid(delivery)])
                return try found.first.map { try Delivery.read($0).1 }
            }
        }
    }
}

extension ClaimedDelivery {
    fileprivate init(_ row: PostgresRow) throws(PostgresError) {
        var row = row
        key = try row.next()
        id = try row.next()
        job = JobID(uuid: try row.next())
        event = try row.word()
        createdAt = try row.next()
        url = WebURL(canonical: try row.next())
        secret = try row.nextOptional(String.self).map(WebhookSecret.init)
        attempt = try row.next()
        round = try row.next()
    }
}

extension Delivery {
    fileprivate static func read(_ row: PostgresRow) throws(PostgresError) -> (Int64, Delivery) {
        var row = row
        let key: Int64 = try row.next()
        let delivery = Delivery(
            id: try row.next(), event: try row.word(), state: try row.word(), attempts: try row.next(),
            httpStatus: try row.nextOptional(), error: try row.nextOptional(),
            seconds: try row.nextOptional(), createdAt: try row.next(), attemptedAt: try row.nextOptional(),
            nextAttemptAt: try row.nextOptional(), deliveredAt: try row.nextOptional())
        return (key, delivery)
    }
}
