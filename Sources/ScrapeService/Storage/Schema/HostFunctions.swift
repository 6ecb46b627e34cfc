extension Migration {
    /// Hosts that all replicas use: how many fetches each may have in flight, and when it may start the next.
    static let hostFunctions = #"""
        -- One row a host somebody uses, or used lately. Its lock makes the replicas' calls one after another.
        create table host (
            origin text primary key,
            -- Asked to be left alone until then.
            held_until timestamptz,
            -- Requests before then are given to somebody; who had the last ones.
            next_start timestamptz,
            paced_by uuid,
            created_at timestamptz not null default clock_timestamp()
        ) with (fillfactor = 50);
        comment on column host.next_start is
            'where requests are spaced: the first start that no replica has been given';

        -- What one replica says of one host, and what it was told. Goes with the replica.
        create table host_use (
            origin text not null,
            replica uuid not null references replica on delete cascade,
            -- Fetches at once, and seconds between two requests, that its most careful job allows.
            most integer not null,
            delay float8 not null,
            -- Pages in flight and waiting.
            wanted integer not null,
            -- In flight at most until its next call, whatever it is told now.
            held integer not null,
            -- What it was told.
            places integer not null default 0,
            paced_at timestamptz,
            primary key (origin, replica)
        ) with (fillfactor = 50);
        create index host_use_replica on host_use (replica);

        -- Takes what a replica says of its hosts (u_ uses, h_ holds in seconds, l_ hosts it has left) and answers
        -- for every use. No row: the replica is not known. Over all replicas
        --   the sum of greatest(held, places) never grows beyond the least `most`, and
        --   no two requests are given starts that are closer than the largest delay.
        create function share_hosts(
            p_replica uuid, p_ahead float8, p_turn float8,
            u_origin text[], u_most integer[], u_delay float8[], u_wanted integer[], u_held integer[],
            h_origin text[], h_seconds float8[], l_origin text[]
        ) returns table (
            o_origin text, o_places integer, o_contended boolean, o_delay float8, o_held float8,
            o_from float8, o_until float8
        )
        language plpgsql
        set plan_cache_mode = force_generic_plan set enable_seqscan = off
        as $$
        declare
            v_origins text[] := array(select distinct o from unnest(u_origin || h_origin) as o order by o);
            v_locked integer;
            v_now timestamptz;
        begin
            -- Before everything else: whoever prunes this replica has its row first, too.
            perform from replica r where r.id = p_replica for key share;
            if not found then
                return;
            end if;
            delete from host_use u using unnest(l_origin) as l(origin)
            where u.origin = l.origin and u.replica = p_replica;
            loop
                -- In one order, so that two replicas never wait for each other.
                insert into host (origin) select o from unnest(v_origins) as o on conflict do nothing;
                perform from host h where h.origin = any (v_origins) order by h.origin for no key update;
                get diagnostics v_locked = row_count;
                -- Maintenance may have removed one in between.
                exit when v_locked = cardinality(v_origins);
            end loop;
            v_now := clock_timestamp();

            update host h set held_until = v_now + make_interval(secs => n.seconds)
            from unnest(h_origin, h_seconds) as n(origin, seconds)
            where h.origin = n.origin
                and (h.held_until is null or h.held_until < v_now + make_interval(secs => n.seconds));

            insert into host_use as u (origin, replica, most, delay, wanted, held)
            select n.origin, p_replica, n.most, n.delay, n.wanted, n.held
            from unnest(u_origin, u_most, u_delay, u_wanted, u_held) as n(origin, most, delay, wanted, held)
            on conflict (origin, replica) do update
            set most = excluded.most, delay = excluded.delay, wanted = excluded.wanted, held = excluded.held
            where (u.most, u.delay, u.wanted, u.held)
                is distinct from (excluded.most, excluded.delay, excluded.wanted, excluded.held);

            return query
            with mine as materialized (
                select n.origin, n.wanted, o.*
                from unnest(u_origin, u_wanted) as n(origin, wanted)
                cross join lateral (
                    select min(u.most) as most, max(u.delay) as delay,
                        greatest(count(*) filter (where u.wanted > 0), 1)::integer as wanting,
                        (count(*) filter (where u.wanted > 0 and u.replica < p_replica))::integer as rank,
                        count(*) > 1 as contended,
                        coalesce(sum(greatest(u.held, u.places))
                            filter (where u.replica <> p_replica), 0)::integer as bound,
                        min(coalesce(u.paced_at, '-infinity'))
                            filter (where u.wanted > 0 and u.replica <> p_replica
                                and (u.places > 0 or u.held > 0)) as others_paced_at,
                        max(u.paced_at) filter (where u.replica = p_replica) as paced_at
                    from host_use u where u.origin = n.origin offset 0) o
            ), target as materialized (
                select m.*, case
                    -- Everybody's fair share first, then whoever wants more.
                    when m.wanting <= m.most then m.most - (
                        select coalesce(sum(least(u.wanted, m.most / m.wanting)), 0)::integer
                        from host_use u where u.origin = m.origin and u.replica <> p_replica)
                    -- Fewer places than replicas: one each, in turn.
                    when m.wanted > 0 and (m.rank + floor(extract(epoch from v_now) / p_turn)::bigint)
                        % m.wanting < m.most then 1
                    else 0 end as aim
                from mine m
            ), place as materialized (
                select t.*, greatest(0, least(t.aim, t.most - t.bound)) as places from target t
            ), pace as materialized (
                -- A request may be late by `slack`: the next replica's first one makes up for it.
                select p.origin, p.delay, b.slack, b.start, b.ahead, least(
                    floor(extract(epoch from b.ahead - b.start)::float8 / p.delay)::bigint + 1,
                    case when p.contended then greatest(p.wanted, 1) else 1000000 end) as starts
                from place p join host h on h.origin = p.origin
                cross join lateral (
                    select make_interval(secs => least(p.delay / 2, 0.25)) as slack) s
                cross join lateral (
                    select s.slack,
                        greatest(v_now, h.held_until, h.next_start
                            + case when h.paced_by = p_replica then interval '0' else s.slack end) as start,
                        -- Whoever had starts last lets the others ask first.
                        v_now + make_interval(secs => case
                            when p.others_paced_at < p.paced_at then p_ahead / 8 else p_ahead end) as ahead
                    offset 0) b
                where p.delay > 0 and p.wanted > 0 and p.places > 0 and b.start <= b.ahead
            ), paced as (
                update host h
                set next_start = p.start + p.starts * make_interval(secs => p.delay), paced_by = p_replica
                from pace p where h.origin = p.origin
            ), told as (
                update host_use u
                set places = p.places, paced_at = case when c.origin is null then u.paced_at else v_now end
                from place p left join pace c on c.origin = p.origin
                where u.origin = p.origin and u.replica = p_replica
                    and (u.places <> p.places or c.origin is not null)
            )
            select p.origin, p.places, p.contended, p.delay,
                case when h.held_until > v_now
                    then extract(epoch from h.held_until - v_now) else 0 end::float8,
                extract(epoch from c.start - v_now)::float8,
                extract(epoch from c.start + (c.starts - 1) * make_interval(secs => c.delay) + c.slack
                    - v_now)::float8
            from place p join host h on h.origin = p.origin left join pace c on c.origin = p.origin;
        end $$;
        """#
}
