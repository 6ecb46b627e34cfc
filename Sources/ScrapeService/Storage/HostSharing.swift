import Foundation

/// How far ahead starts are given where requests are spaced: a little longer than replicas take to ask again.
private let startsAhead = Duration.milliseconds(1500)
/// How long a replica keeps a place where there are fewer places than replicas.
private let placeTurn = Duration.seconds(5)

extension PostgresStore: HostStore {
    func share(_ call: HostCall, for replica: ReplicaID) async throws -> [HostGrant]? {
        let result = try await query(
            """
            select o_origin, o_places, o_contended, o_delay, o_held, o_from, o_until
            from share_hosts($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
            """, call.arguments(replica))
        let grants = try Self.read { try result.rows.map { try HostGrant($0) } }
        return grants.isEmpty && !call.uses.isEmpty ? nil : grants
    }
}

extension HostCall {
    fileprivate func arguments(_ replica: ReplicaID) -> PostgresArguments {
        [
            .uuid(replica.uuid), .double(startsAhead / .seconds(1)), .double(placeTurn / .seconds(1)),
            .texts(uses.map(\.origin)), .int4s(uses.map(\.limit)),
            .doubles(uses.map { $0.delay / .seconds(1) }),
            .int4s(uses.map(\.wanted)), .int4s(uses.map(\.held)),
            .texts(holds.map(\.origin)), .doubles(holds.map { $0.delay / .seconds(1) }), .texts(left),
        ]
    }
}

extension HostGrant {
    fileprivate init(_ row: PostgresRow) throws(PostgresError) {
        var row = row
        origin = try row.next()
        places = try row.next()
        isContended = try row.next()
        delay = .seconds(try row.next(Double.self))
        heldFor = .seconds(try row.next(Double.self))
        let from: Double? = try row.nextOptional()
        let until: Double? = try row.nextOptional()
        if let from, let until, from <= until { window = .seconds(from) ... .seconds(until) }
    }
}

extension HostWait {
    /// What a shard's row holds; nil where no host lets pages wait.
    static func stored(_ waits: [HostWait]) -> String? {
        guard !waits.isEmpty, let data = try? JSONEncoder().encode(waits) else { return nil }
        return String(decoding: data, as: UTF8.self)
    }

    /// The hosts of several shards as one list. What does not decode, from another version, is left out.
    static func merged(_ stored: [String]) -> [HostWait] {
        var waits: [HostWait] = []
        for text in stored {
            for wait in (try? JSONDecoder().decode([HostWait].self, from: Data(text.utf8))) ?? [] {
                if let index = waits.firstIndex(where: { $0.origin == wait.origin }) {
                    waits[index].waiting += wait.waiting
                    if let seconds = wait.seconds {
                        waits[index].seconds = min(seconds, waits[index].seconds ?? seconds)
                    }
                } else {
                    waits.append(wait)
                }
            }
        }
        waits.sort { ($1.waiting, $0.origin) < ($0.waiting, $1.origin) }
        return Array(waits.prefix(maxListed))
    }
}
