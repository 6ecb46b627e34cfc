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

        create function add_counts(p_left bigint[], p_right bigint[]) returns bigint[]
        language sql immutable parallel safe
        return array(
            select coalesce(u.l, 0) + coalesce(u.r, 0)
            from unnest(p_left, p_right) with ordinality as u(l, r, n) order by u.n);

        -- The sums of a batch of which only the pages in p_done were settled now: those of the others were added
        -- when they were.
        create function sum_fields(p_done bigint[], p_fields json) returns json
        language sql stable
        return json_build_object(
            'kinds', (
                select coalesce(json_agg(json_build_object('kind', k.kind, 'name', k.name, 'fields', k.fields,
                    'pages', s.pages, 'items', s.items, 'filled', s.filled)), '[]')
                from json_to_recordset(p_fields -> 'kinds') as k(kind smallint, name text, fields text[])
                cross join lateral (
                    select count(*) as pages, sum(e.items) as items,
                        array(
                            select sum(f.filled)
                            from json_to_recordset(p_fields -> 'each') as g(page bigint, kind smallint, filled bigint[])
                            cross join lateral unnest(g.filled) with ordinality as f(filled, n)
                            where g.kind = k.kind and g.page = any (p_done) group by f.n order by f.n) as filled
                    from json_to_recordset(p_fields -> 'each') as e(page bigint, kind smallint, items bigint)
                    where e.kind = k.kind and e.page = any (p_done)) s
                where s.pages > 0),
            'warnings', (
                select json_agg(
                    json_build_object('code', t.code, 'kind', t.kind, 'field', t.field, 'n', t.n))
                from (
                    select w.code, e.kind, w.field, sum(w.n) as n
                    from json_to_recordset(p_fields -> 'each') as e(page bigint, kind smallint, warnings json)
                    cross join lateral json_to_recordset(e.warnings) as w(code text, field smallint, n bigint)
                    where e.page = any (p_done) group by w.code, e.kind, w.field) t));

        -- Adds what a batch's pages say of their fields. p_fields: "of", the pages that leave the queue with it;
        -- "kinds" and "warnings", sums over all of its pages; "each", the same page by page.
        create function record_fields(p_job bigint, p_shard smallint, p_done bigint[], p_fields json) returns void
        language plpgsql
        set plan_cache_mode = force_generic_plan set enable_seqscan = off
        as $$
        declare
            v_said json := p_fields;
        begin
            if p_fields is null or coalesce(cardinality(p_done), 0) = 0 then
                return;
            end if;
            if cardinality(p_done) <> (p_fields ->> 'of')::integer then
                v_said := sum_fields(p_done, p_fields);
            end if;
            -- Sorted, like everything that two writers might share.
            insert into field_count as c (job, shard, kind, name, fields, pages, items, filled)
            select p_job, p_shard, s.kind, s.name, s.fields, s.pages, s.items, s.filled
            from json_to_recordset(v_said -> 'kinds') as s(
                kind smallint, name text, fields text[], pages bigint, items bigint, filled bigint[])
            order by s.kind
            on conflict (job, shard, kind) do update set pages = c.pages + excluded.pages,
                items = c.items + excluded.items, filled = add_counts(c.filled, excluded.filled);
            if v_said ->> 'warnings' is not null then
                insert into warning_count as w (job, shard, code, kind, field, n)
                select p_job, p_shard, s.code, s.kind, s.field, s.n
                from json_to_recordset(v_said -> 'warnings') as s(
                    code text, kind smallint, field smallint, n bigint)
                order by s.code, s.kind, s.field
                on conflict (job, shard, code, kind, field) do update set n = w.n + excluded.n;
            end if;
        end $$;
        """#
}
