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
            insert into validator as v (owner, hash, job, etag, last_modified, links)
            select distinct on (r.hash) j.owner, r.hash, p_job, r.etag, r.last_modified, r.links
            from json_to_recordset(p_validators)
                as r(page bigint, hash uuid, etag text, last_modified text, links json)
            join job j on j.key = p_job
            where r.page = any (p_done)
            order by r.hash
            on conflict (owner, hash) do update set
                job = excluded.job, etag = excluded.etag, last_modified = excluded.last_modified,
                links = excluded.links
        $$;

        -- Forgets up to p_limit pages of a job, or of jobs whose time is over where p_job is null. Returns how many.
        create function erase_validators(p_job bigint, p_limit integer) returns bigint
        language plpgsql as $$
        declare
            v_count bigint;
        begin
            if p_job is not null then
                delete from validator where ctid = any (array(
                    select v.ctid from validator v where v.job = p_job limit p_limit));
            else
                delete from validator where ctid = any (array(
                    select v.ctid from job j join validator v on v.job = j.key
                    where j.expired_at is not null limit p_limit));
            end if;
            get diagnostics v_count = row_count;
            return v_count;
        end $$;
        """#
}
