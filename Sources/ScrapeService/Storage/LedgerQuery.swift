/// The ledger's three walks: all pages, queued ones, settled ones of one status.
/// Parameters: bucket, job, shard, last number, limit, status.
///
/// Pages are walked by the shard that found them, settled ones of a status by the shard that settled them: either
/// gave its numbers in commit order.
enum LedgerQuery {
    private static let settledColumns = """
        url, kind, status, attempts, http_status, error, bytes, seconds, fetched_at
        """
    /// What a job that is over has left in its queue is skipped: it is on its way to the ledger.
    private static let queuedColumns = """
        q.url, q.kind, case when j.finished_at is null then 'queued' else 'skipped' end,
        q.attempt + q.former_attempts, null::integer,
        case when j.finished_at is not null then j.end_reason end, null::bigint, null::float8,
        null::timestamptz
        """
    /// Whichever shard works on it now.
    private static let queued = """
        from job j join shard s on s.job = j.key cross join lateral (
            select * from queue w
            where w.job = $2 and w.shard = s.shard and w.page_id > greatest($4, first_number($3))
                and w.page_id < first_number($3 + 1::smallint)
            order by w.page_id limit $5) q
        where j.key = $2
        """

    static func text(for status: PageStatus?) -> String {
        switch status {
        case nil:
            // One statement, one snapshot: a page that is being settled is in exactly one half.
            """
            (select page_id, \(settledColumns) from page
                where bucket = $1 and job = $2 and shard = $3 and page_id > $4 order by page_id limit $5)
            union all
            (select q.page_id, \(queuedColumns) \(queued) order by q.page_id limit $5)
            order by page_id limit $5
            """
        case .queued:
            """
            select q.page_id, \(queuedColumns) \(queued) and j.finished_at is null order by q.page_id limit $5
            """
        case .fetched, .failed, .skipped:
            """
            select settled, \(settledColumns) from page
            where bucket = $1 and job = $2 and settler = $3 and status = $6 and settled > $4
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
