/// The ledger's three walks: all pages, queued ones, settled ones of one status.
/// Parameters: bucket, job, shard, last number, limit, status.
enum LedgerQuery {
    private static let settledColumns = """
        url, kind, status, attempts, http_status, error, bytes, seconds, fetched_at
        """
    private static let queuedColumns = """
        url, kind, 'queued', attempt, null::integer, null::text, null::bigint, null::float8, null::timestamptz
        """
    private static let settled = """
        from page where bucket = $1 and job = $2 and shard = $3
        """
    private static let queued = """
        from queue where job = $2 and shard = $3 and page_id > $4 order by page_id limit $5
        """

    static func text(for status: PageStatus?) -> String {
        switch status {
        case nil:
            // One statement, one snapshot: a page that is being settled is in exactly one half.
            """
            (select page_id, \(settledColumns) \(settled) and page_id > $4 order by page_id limit $5)
            union all
            (select page_id, \(queuedColumns) \(queued))
            order by page_id limit $5
            """
        case .queued:
            "select page_id, \(queuedColumns) \(queued)"
        case .fetched, .failed, .skipped:
            """
            select settled, \(settledColumns) \(settled) and status = $6 and settled > $4
            order by settled limit $5
            """
        }
    }

    static func entry(_ row: PostgresRow) throws(PostgresError) -> (Int64, LedgerEntry) {
        var row = row
        let number: Int64 = try row.next()
        let entry = LedgerEntry(
            url: try row.next(), kind: try row.next(), status: try row.word(), attempts: try row.next(),
            httpStatus: try row.nextOptional(), error: try row.nextOptional(), bytes: try row.nextOptional(),
            seconds: try row.nextOptional(), fetchedAt: try row.nextOptional())
        return (number, entry)
    }
}
