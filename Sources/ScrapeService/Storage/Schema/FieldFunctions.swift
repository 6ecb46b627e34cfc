extension Migration {
    /// Which fields of which page kind the items have, and what a status warns of besides robots.txt: one row a page
    /// kind and shard, and one a warning, counted in the transaction that settles the pages.
    static let fieldFunctions = #"""
        create table field_count (
            job bigint not null,
            shard smallint not null,
            kind smallint not null,
            name text not null,
            fields text[] not null,
            pages bigint not null,
            items bigint not null,
            filled bigint[] not null,
            primary key (job, shard, kind),
            foreign key (job, shard) references shard (job, shard) on delete cascade
        ) with (fillfactor = 50);
        comment on table field_count is 'coverage: fetched pages of a shard by page kind, and what their items have';
        comment on column field_count.kind is 'position of the page kind in the job, from 0';
        comment on column field_count.filled is 'items with a value, one number a field in the order of fields';

        -- What is warned of may be a field (positions from 0), a page kind as a whole, or the job: -1 is none.
        alter table warning_count
            add column kind smallint not null default -1,
            add column field smallint not null default -1;
        alter table warning_count drop constraint warning_count_pkey;
        alter table warning_count add primary key (job, shard, code, kind, field);
        comment on table warning_count is 'what a status warns of, by shard; names are those of field_count';

        create or replace function count_warning() returns trigger
        language plpgsql as $$
        begin
            insert into warning_count as w (job, shard, code, n) values (new.job, new.shard, new.error, 1)
            on conflict (job, shard, code, kind, field) do update set n = w.n + 1;
            return null;
        end $$;

        -- In plpgsql, which keeps its plans: as one select it took three times as long.
        create function add_counts(p_left bigint[], p_right bigint[]) returns bigint[]
        language plpgsql immutable parallel safe as $$
        begin
            for v_field in 1..cardinality(p_right) loop
                p_left[v_field] := coalesce(p_left[v_field], 0) + p_right[v_field];
            end loop;
            return p_left;
        end $$;

        -- The sums of a batch of which only the pages in p_done were settled now: those of the others were added
        -- when they were.
        create function sum_fields(p_done bigint[], p_kinds json, p_each json, out o_kinds json, out o_warnings json)
        language sql stable as $$
            with each as materialized (
                select e.*, (select count(*) from unnest(e.pages) as p(id) where p.id = any (p_done)) as times
                from json_to_recordset(p_each) as e(
                    pages bigint[], kind smallint, items bigint, filled bigint[], warnings json)
            )
            select (
                select json_agg(json_build_object('kind', k.kind, 'name', k.name, 'fields', k.fields,
                    'pages', s.pages, 'items', s.items, 'filled', array(
                        select sum(f.filled * e.times)
                        from each e cross join lateral unnest(e.filled) with ordinality as f(filled, n)
                        where e.kind = k.kind group by f.n order by f.n)))
                from json_to_recordset(p_kinds) as k(kind smallint, name text, fields text[])
                join (
                    select e.kind, sum(e.times) as pages, sum(e.items * e.times) as items
                    from each e where e.times > 0 group by e.kind) s on s.kind = k.kind
            ), (
                select json_agg(json_build_object('code', t.code, 'kind', t.kind, 'field', t.field, 'n', t.n))
                from (
                    select w.code, e.kind, w.field, sum(w.n * e.times) as n
                    from each e
                    cross join lateral json_to_recordset(e.warnings) as w(code text, field smallint, n bigint)
                    where e.times > 0 group by w.code, e.kind, w.field) t)
        $$;

        -- Adds what a batch's pages say of their fields. p_fields: "of", the pages that leave the queue with it;
        -- "kinds" and "warnings", sums over all of its pages; "each", what pages said that said the same.
        create function record_fields(p_job bigint, p_shard smallint, p_done bigint[], p_fields json) returns void
        language plpgsql
        set plan_cache_mode = force_generic_plan set enable_seqscan = off
        as $$
        declare
            v_of integer;
            v_kinds json;
            v_warnings json;
            v_each json;
        begin
            if p_fields is null or coalesce(cardinality(p_done), 0) = 0 then
                return;
            end if;
            select f."of", f.kinds, f.warnings, f."each" into v_of, v_kinds, v_warnings, v_each
            from json_to_record(p_fields) as f("of" integer, kinds json, warnings json, "each" json);
            if cardinality(p_done) <> v_of then
                select o_kinds, o_warnings into v_kinds, v_warnings from sum_fields(p_done, v_kinds, v_each);
            end if;
            -- Sorted, like everything that two writers might share.
            insert into field_count as c (job, shard, kind, name, fields, pages, items, filled)
            select p_job, p_shard, s.kind, s.name, s.fields, s.pages, s.items, s.filled
            from json_to_recordset(v_kinds) as s(
                kind smallint, name text, fields text[], pages bigint, items bigint, filled bigint[])
            order by s.kind
            on conflict (job, shard, kind) do update set pages = c.pages + excluded.pages,
                items = c.items + excluded.items, filled = add_counts(c.filled, excluded.filled);
            if v_warnings is not null then
                insert into warning_count as w (job, shard, code, kind, field, n)
                select p_job, p_shard, s.code, s.kind, s.field, s.n
                from json_to_recordset(v_warnings) as s(code text, kind smallint, field smallint, n bigint)
                order by s.code, s.kind, s.field
                on conflict (job, shard, code, kind, field) do update set n = w.n + excluded.n;
            end if;
        end $$;

        -- As before, where a job of which an item lacks a required field is partial.
        create or replace function end_job(p_job bigint) returns text
        language plpgsql
        set enable_seqscan = off
        as $$
        declare
            v_fetched bigint;
            v_failed bigint;
            v_items bigint;
            v_files bigint;
            v_is_partial boolean;
            v_reason text;
            v_state text;
            v_outcome text;
        begin
            select coalesce(j.end_reason, j.cut_by, 'finished') into v_reason from job j where j.key = p_job;
            select sum(s.start_fetched), sum(s.failed), sum(s.items), sum(s.files)
            into v_fetched, v_failed, v_items, v_files from shard s where s.job = p_job;
            if v_reason = 'cancelled' then
                v_state := 'cancelled';
            elsif v_reason in ('first_failure', 'internal_error') then
                v_state := 'failed';
            elsif v_reason in ('finished', 'max_pages') and v_fetched = 0 and (v_failed > 0 or exists (
                select from page p join job j on j.key = p.job and j.bucket = p.bucket
                where j.key = p_job and p.status = 'skipped' and p.error = 'robots' and p.depth = 0))
            then
                v_state := 'failed';
                v_reason := 'start_failed';
            else
                v_state := 'completed';
                v_is_partial := v_failed > 0 or exists (
                    select from warning_count w where w.job = p_job and w.code = 'required_missing');
                v_outcome := case
                    when v_items + v_files = 0 then 'empty' when v_is_partial then 'partial' else 'ok' end;
            end if;
            update job j set state = v_state, stop_reason = v_reason, outcome = v_outcome,
                end_reason = coalesce(j.end_reason, v_reason), finished_at = clock_timestamp(),
                swept = not exists (select from queue q where q.job = p_job),
                ran = job_elapsed(j), running_since = null, revision = j.revision + 1
            where j.key = p_job;
            -- A new epoch: whoever held one of them and froze writes nothing more.
            update shard s set owner = null, closed = true, offered_at = null, in_flight = 0,
                pages_per_second = 0, items_per_second = 0, hosts = null, epoch = s.epoch + 1,
                version = s.version + 1
            where s.job = p_job;
            return v_reason;
        end $$;
        """#
}
