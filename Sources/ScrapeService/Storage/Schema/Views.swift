extension Migration {
    /// For people with `psql`. Times are UTC; job ids are those of the API.
    static let views = #"""
        create view scrape_job as
        select j.id as job, j.name, j.owner, j.state as status, j.stop_reason, j.outcome,
            j.created_at, j.started_at, j.finished_at,
            s.discovered, s.discovered - s.fetched - s.failed - s.skipped as remaining,
            s.fetched, s.failed, s.skipped, s.retries, s.items, s.bytes, j.error
        from job j
        cross join lateral (
            select sum(s.discovered)::bigint as discovered, sum(s.fetched)::bigint as fetched,
                sum(s.failed)::bigint as failed, sum(s.skipped)::bigint as skipped,
                sum(s.retries)::bigint as retries, sum(s.items)::bigint as items,
                sum(s.bytes)::bigint as bytes
            from shard s where s.job = j.key) s
        where j.deleted_at is null;
        comment on view scrape_job is 'one row a job, newest id last';

        create view scrape_item as
        select j.id as job, j.name, i.seq, p.url, p.kind as page, i.scraped_at, i.data
        from job j
        join item i on i.bucket = j.bucket and i.job = j.key
        join page p on p.bucket = i.bucket and p.job = i.job and p.shard = i.shard and p.page_id = i.page_id
        where j.deleted_at is null;
        comment on view scrape_item is 'one row an item; data is json with the job''s field names as keys';

        create view scrape_page as
        select j.id as job, j.name, p.url, p.kind as page, p.depth, p.status, p.attempts, p.http_status,
            p.error, p.detail, p.bytes, p.seconds, p.items, p.fetched_at
        from job j join page p on p.bucket = j.bucket and p.job = j.key
        where j.deleted_at is null
        union all
        select j.id, j.name, q.url, q.kind, q.depth, 'queued', q.attempt, null,
            null, null, null, null, 0, null
        from job j join queue q on q.job = j.key
        where j.deleted_at is null;
        comment on view scrape_page is 'one row a URL a job has found, still queued or settled';
        """#
}
