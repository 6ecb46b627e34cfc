extension Migration {
    /// What answers said of their pages, for a later job of the same owner to ask whether they changed (RFC 9110 §13).
    static let validatorFunctions = #"""
        -- One row a page that was fetched whole by a job with fetch.conditional. It goes with its job's data: a page
        -- whose items are gone is fetched whole again.
        create table validator (
            owner text not null,
            hash uuid not null,
            job bigint not null references job on delete cascade,
            etag text,
            last_modified text,
            -- [[kind, URL, request or null], …], in the page's order.
            links json not null,
            link_bytes integer not null,
            primary key (owner, hash),
            check (etag is not null or last_modified is not null)
        );
        create index validator_job on validator (job);
        comment on column validator.hash is
            'of the page kind as the job defined it, the fields sent along, and the URL';
        comment on column validator.job is 'the job that has the page''s items';
        comment on column validator.links is 'what the page led to: followed again where it has not changed';

        -- Remembers what a batch's pages said; called by settle_batch with the pages that it settled.
        -- p_validators: [{"page", "hash", "etag", "last_modified", "links"}, …].
        create function record_validators(
            p_bucket date, p_job bigint, p_done bigint[], p_validators json
        ) returns void
        language sql as $$
            -- Sorted: two jobs that share pages take their rows in one order and never deadlock.
            insert into validator as v (owner, hash, job, etag, last_modified, links, link_bytes)
            select distinct on (r.hash) j.owner, r.hash, p_job, r.etag, r.last_modified, r.links,
                octet_length(r.links::text)
            from json_to_recordset(p_validators)
                as r(page bigint, hash uuid, etag text, last_modified text, links json)
            join job j on j.key = p_job
            where r.page = any (p_done)
            order by r.hash
            on conflict (owner, hash) do update set
                job = excluded.job, etag = excluded.etag, last_modified = excluded.last_modified,
                links = excluded.links, link_bytes = excluded.link_bytes
        $$;

        -- Forgets up to p_limit pages of a job, or of jobs whose time is over where p_job is null. Rows that a
        -- settling transaction holds are passed over: to wait for one while others are held would be a deadlock.
        -- o_left: a job's rows are left; of jobs whose time is over, there may be more that nobody holds.
        create function erase_validators(p_job bigint, p_limit integer, out o_erased bigint, out o_left boolean)
        language plpgsql as $$
        begin
            if p_job is not null then
                with gone as materialized (
                    select v.owner, v.hash from validator v where v.job = p_job limit p_limit
                    for update skip locked
                )
                delete from validator v using gone g
                where v.owner = g.owner and v.hash = g.hash and v.job = p_job;
                get diagnostics o_erased = row_count;
                o_left := exists (select from validator v where v.job = p_job);
            else
                with gone as materialized (
                    select v.owner, v.hash, v.job from job j join validator v on v.job = j.key
                    where j.expired_at is not null limit p_limit
                    for update of v skip locked
                )
                delete from validator v using gone g
                where v.owner = g.owner and v.hash = g.hash and v.job = g.job;
                get diagnostics o_erased = row_count;
                o_left := o_erased > 0;
            end if;
        end $$;
        """#
}
