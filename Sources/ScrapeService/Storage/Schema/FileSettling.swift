extension Migration {
    /// Settling of pages whose bodies are saved. Like ``requestFunctions``, but for the bodies, which come as an array
    /// of their own: as base64 inside the JSON one of 200 KiB took three times as long, one of 1 KiB half as long again.
    static let fileSettling = #"""
        drop function settle_batch;
        -- As before, with the bodies that belong to x_files: see record_files.
        create function settle_batch(
            p_job bigint, p_shard smallint, p_epoch bigint,
            p_page bigint[], p_status text[], p_http integer[], p_error text[], p_detail text[],
            p_bytes bigint[], p_seconds float8[], p_items integer[],
            r_page bigint[], r_attempt integer[], r_after float8[],
            i_page bigint[], i_ord integer[], i_data json[],
            l_page bigint[], l_hash uuid[], l_kind text[], l_url text[], l_depth integer[], l_request text[],
            x_files json, x_bodies bytea[], x_fields json, x_validators json,
            g_in_flight integer, g_pages float8, g_items float8, g_hosts json,
            out o_held boolean, out o_state text, out o_ending text, out o_open integer,
            out o_first_link bigint,
            out o_discovered bigint, out o_fetched bigint, out o_failed bigint, out o_skipped bigint,
            out o_retries bigint, out o_items bigint, out o_bytes bigint, out o_start_fetched bigint
        )
        language plpgsql
        set plan_cache_mode = force_generic_plan set enable_seqscan = off
        as $$
        declare
            v_shard shard%rowtype;
            v_shards smallint;
            v_now timestamptz := clock_timestamp();
            v_done bigint[];
            v_codes text[];
            v_rows tid[];
            v_retry record;
            v_settled bigint := 0;
            v_fetched bigint := 0;
            v_failed bigint := 0;
            v_skipped bigint := 0;
            v_bytes bigint := 0;
            v_start bigint := 0;
            v_retries bigint := 0;
            v_items bigint := 0;
            v_links bigint := 0;
        begin
            -- The lock makes the epoch hold until commit: a takeover waits for it, or has happened and we
            -- stop here.
            select * into v_shard from shard s
            where s.job = p_job and s.shard = p_shard and s.epoch = p_epoch for no key update;
            o_held := found;
            select j.state, j.end_reason, j.shards into o_state, o_ending, v_shards from job j where j.key = p_job;
            if not o_held then
                return;
            end if;
            o_open := 1;
            if v_shards > 1 then
                select count(*) into o_open from shard s where s.job = p_job and not s.closed;
            end if;

            if cardinality(p_page) > 0 then
                with found as materialized (
                    select u.*, q.*
                    from unnest(p_page, p_status, p_http, p_error, p_detail, p_bytes, p_seconds, p_items)
                        with ordinality as u(page_id, status, http, error, detail, bytes, seconds, items, n)
                    cross join lateral (
                        select q.ctid as tid, q.kind, q.url, q.depth, q.attempt + q.former_attempts as attempt,
                            q.request
                        from queue q
                        where q.job = p_job and q.shard = p_shard and q.page_id = u.page_id offset 0) q
                ), done as (
                    insert into page (bucket, job, shard, page_id, settler, settled, kind, url, depth, status,
                        attempts, http_status, error, detail, bytes, seconds, items, fetched_at, epoch,
                        request)
                    select v_shard.bucket, p_job, page_home(f.page_id), f.page_id, p_shard,
                        v_shard.next_settled - 1 + row_number() over (order by f.n),
                        f.kind, f.url, f.depth, f.status, f.attempt + (f.status <> 'skipped')::integer,
                        f.http, f.error, f.detail, f.bytes, f.seconds, f.items,
                        case when f.status <> 'skipped' then v_now end, p_epoch, f.request
                    from found f
                    returning page_id, status, error, depth, bytes
                )
                select count(*), count(*) filter (where d.status = 'fetched'),
                    count(*) filter (where d.status = 'failed'), count(*) filter (where d.status = 'skipped'),
                    count(*) filter (where d.status = 'fetched' and d.depth = 0), coalesce(sum(d.bytes), 0),
                    array_agg(d.page_id), array_agg(d.error) filter (where d.status = 'failed'),
                    (select array_agg(f.tid) from found f)
                into v_settled, v_fetched, v_failed, v_skipped, v_start, v_bytes, v_done, v_codes, v_rows
                from done d;
                -- Nobody else moves rows of this shard: everybody who does holds its lock.
                delete from queue q where q.ctid = any (v_rows);
            end if;

            for v_retry in
                select * from unnest(r_page, r_attempt, r_after) as r(page_id, attempt, after)
            loop
                -- The attempt is part of the test, so the same batch again puts nothing back twice.
                update queue q
                set attempt = q.attempt + 1, not_before = v_now + make_interval(secs => v_retry.after)
                where q.job = p_job and q.shard = p_shard and q.page_id = v_retry.page_id
                    and q.attempt = v_retry.attempt;
                if found then
                    v_retries := v_retries + 1;
                end if;
            end loop;

            if v_settled > 0 and cardinality(i_page) > 0 then
                insert into item (bucket, job, shard, seq, page_shard, page_id, ord, scraped_at, data)
                select v_shard.bucket, p_job, p_shard,
                    first_number(p_shard) + v_shard.next_seq - 1 + row_number() over (order by u.n),
                    page_home(u.page_id), u.page_id, u.ord, v_now, u.data
                from unnest(i_page, i_ord, i_data) with ordinality as u(page_id, ord, data, n)
                where v_settled = cardinality(p_page) or u.page_id = any (v_done);
                get diagnostics v_items = row_count;
            end if;

            -- A page that was settled before brought its links along then, so those of such a page are seen.
            o_first_link := v_shard.next_page_id;
            if v_settled > 0 and cardinality(l_hash) > 0 then
                v_links := enqueue_pages(
                    v_shard.bucket, p_job, p_shard, v_shard.next_page_id, l_hash, l_kind, l_url, l_depth,
                    l_request);
            end if;

            -- What else the pages gave: each is null where no page of the batch gave it.
            if v_settled > 0 and x_files is not null then
                perform record_files(p_job, p_shard, v_done, x_files, x_bodies);
            end if;
            if v_settled > 0 and x_fields is not null then
                perform record_fields(p_job, p_shard, v_done, x_fields);
            end if;
            if v_settled > 0 and x_validators is not null then
                perform record_validators(v_shard.bucket, p_job, v_done, x_validators);
            end if;

            if v_failed > 0 then
                insert into failure_count as f (job, shard, code, n)
                select p_job, p_shard, c.code, count(*) from unnest(v_codes) as c(code)
                group by c.code order by c.code
                on conflict (job, shard, code) do update set n = f.n + excluded.n;
            end if;

            if v_settled + v_retries > 0 or v_shard.in_flight <> g_in_flight
                or v_shard.pages_per_second <> g_pages or v_shard.items_per_second <> g_items
                or v_shard.hosts::text is distinct from g_hosts::text
            then
                update shard s set
                    next_page_id = s.next_page_id + v_links, next_seq = s.next_seq + v_items,
                    next_settled = s.next_settled + v_settled,
                    discovered = s.discovered + v_links, fetched = s.fetched + v_fetched,
                    failed = s.failed + v_failed, skipped = s.skipped + v_skipped,
                    retries = s.retries + v_retries, items = s.items + v_items, bytes = s.bytes + v_bytes,
                    start_fetched = s.start_fetched + v_start,
                    in_flight = g_in_flight, pages_per_second = g_pages, items_per_second = g_items,
                    hosts = g_hosts, version = s.version + 1
                where s.job = p_job and s.shard = p_shard
                returning * into v_shard;
            end if;

            o_discovered := v_shard.discovered;
            o_fetched := v_shard.fetched;
            o_failed := v_shard.failed;
            o_skipped := v_shard.skipped;
            o_retries := v_shard.retries;
            o_items := v_shard.items;
            o_bytes := v_shard.bytes;
            o_start_fetched := v_shard.start_fetched;
        end $$;
        """#
}
