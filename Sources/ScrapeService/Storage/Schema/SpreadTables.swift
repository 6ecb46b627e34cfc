extension Migration {
    /// What a job needs to be worked on by several replicas, to end at once, and to pause.
    ///
    /// Numbers of pages and items are given within a shard and carry it: shard k counts from k · 2^40, so a
    /// job's numbers are unique, and a page keeps its number when it moves to another shard.
    static let spreadTables = #"""
        alter table job
            add column end_reason text,
            add column cut_by text,
            add column ran interval not null default '0',
            add column running_since timestamptz,
            add column swept boolean not null default true;
        comment on column job.end_reason is
            'decided: why the job ends or ended; also what pages never fetched are skipped with';
        comment on column job.cut_by is
            'its failed pages are tried again, and others were never fetched for this reason: it ends with it again';
        comment on column job.ran is 'time it ran before it was paused last; max_duration counts this and';
        comment on column job.running_since is 'the time since then; null while it waits or is paused';
        comment on column job.swept is 'false: it is over, and its queue is still being moved to the ledger';
        create index job_unswept on job (key) where not swept;
        update job set running_since = started_at where state in ('running', 'cancelling');

        alter table shard
            add column closed boolean not null default false,
            add column offered_at timestamptz,
            add column page_quota bigint not null default 0,
            add column hosts json;
        comment on column shard.closed is
            'nobody works on it any more; a job that is not over has a shard that is open';
        comment on column shard.offered_at is
            'split off for another replica: who works on the job already takes it only after a while';
        comment on column shard.page_quota is 'of max_pages: how many pages this shard may attempt';
        comment on column shard.hosts is 'hosts whose pages wait, and why; as of the last settling';

        alter table queue add column origin text not null default '';
        alter table queue add column former_attempts integer not null default 0;
        comment on column queue.former_attempts is 'attempts before the page was asked for again';
        create index queue_origin on queue (job, shard, origin, page_id) where attempt = 0;

        -- The shard that settled the page; page.shard is the one that found it.
        alter table page add column settler smallint not null default 0;
        drop index page_settled;
        create index page_settled on page (bucket, job, settler, status, settled);
        -- The shard that found the page of the item.
        alter table item add column page_shard smallint not null default 0;

        -- Scheme, host and port of a canonical URL, without credentials.
        create function url_origin(p_url text) returns text
        language sql immutable parallel safe
        return split_part(p_url, '/', 1) || '//' || split_part(split_part(p_url, '/', 3), '@', -1);
        update queue set origin = url_origin(url);

        create function page_home(p_page bigint) returns smallint
        language sql immutable parallel safe
        return (p_page >> 40)::smallint;

        create function first_number(p_shard smallint) returns bigint
        language sql immutable parallel safe
        return p_shard::bigint << 40;

        create or replace view scrape_item as
        select j.id as job, j.name, i.seq, p.url, p.kind as page, i.scraped_at, i.data
        from job j
        join item i on i.bucket = j.bucket and i.job = j.key
        join page p on p.bucket = i.bucket and p.job = i.job and p.shard = i.page_shard
            and p.page_id = i.page_id
        where j.deleted_at is null;
        """#
}
