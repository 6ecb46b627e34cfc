/// The ledger's four walks: all pages, queued ones, settled ones of one status, and of one code.
/// Parameters: bucket, job, shard, last number, limit, status, code.
///
/// Pages are walked by the shard that found them, settled ones of a status by the shard that settled them: either
/// gave its numbers in commit order.
enum LedgerQuery {
    private static let settledColumns = """
        url, kind, status, attempts, http_status, error, bytes, seconds, fetched_at,
        case when status = 'fetched' then detail end as encoding,
        case when status <> 'fetched' then detail end as detail
        """
    /// What a job that is over has left in its queue is skipped: it is on its way to the ledger.
    private static let queuedColumns = """
        q.url, q.kind, case when j.finished_at is null then 'queued' else 'skipped' end,
        q.attempt + q.former_attempts, null::integer,
        case when j.finished_at is not null then j.end_reason end, null::bigint, null::float8,
        null::timestamptz, null::text, null::text
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

    static func text(for filter: LedgerFilter) -> String {
        switch (filter.status, filter.code) {
        case (let status, let code?):
            // The first rows of each half, merged.
            "select * from ("
                + (status.map { [$0] } ?? statuses(with: code)).map { "(\(settled(with: $0)))" }
                .joined(separator: " union all ") + ") as merged order by settled limit $5"
        case (nil, nil):
            // One statement, one snapshot: a page that is being settled is in exactly one half.
            """
            (select page_id, \(settledColumns) from page
                where bucket = $1 and job = $2 and shard = $3 and page_id > $4 order by page_id limit $5)
            union all
            (select q.page_id, \(queuedColumns) \(queued) order by q.page_id limit $5)
            order by page_id limit $5
            """
        case (.queued, nil):
            """
            select q.page_id, \(queuedColumns) \(queued) and j.finished_at is null order by q.page_id limit $5
            """
        case (.fetched, nil), (.failed, nil), (.skipped, nil):
            """
            select settled, \(settledColumns) from page
            where bucket = $1 and job = $2 and settler = $3 and status = $6 and settled > $4
            order by settled limit $5
            """
        }
    }

    /// Failed pages by the index of their codes; skipped ones by that of their status, for a job has few reasons to
    /// skip.
    private static func settled(with status: PageStatus) -> String {
        """
        select settled, \(settledColumns) from page
        where bucket = $1 and job = $2 and settler = $3 and status = '\(status.rawValue)' and error = $7
            and settled > $4
        order by settled limit $5
        """
    }

    /// Which pages may have a code: reading the others for it would be reading all of them in vain.
    private static func statuses(with code: String) -> [PageStatus] {
        if code == notModifiedCode { return [.fetched] }
        return switch SkipReason(rawValue: code) {
        case nil: [.failed]
        case .internalError: [.failed, .skipped]
        default: [.skipped]
        }
    }

    static func entry(_ row: PostgresRow) throws(PostgresError) -> (Int64, LedgerEntry) {
        var row = row
        let number: Int64 = try row.next()
        let entry = LedgerEntry(
            url: try row.next(), kind: try row.next(), status: try row.word(), attempts: try row.next(),
            httpStatus: try row.nextOptional(), error: try row.nextOptional(), bytes: try row.nextOptional(),
            seconds: try row.nextOptional(), fetchedAt: try row.nextOptional(),
            encoding: try row.nextOptional(), detail: try row.nextOptional())
        return (number, entry)
    }
}
