extension Migration {
    /// The outbox: what a job's receiver is to be told is written by the transaction that changes the job.
    static let webhookFunctions = #"""
        create table webhook (
            job bigint primary key references job on delete cascade,
            url text not null,
            receiver text not null,
            events text[] not null check (cardinality(events) > 0),
            secret text
        );
        comment on column webhook.receiver is 'scheme, host and port of the URL: who shares a limit';
        comment on column webhook.secret is 'as the client gave it, because it signs; no answer shows it';

        create table delivery (
            key bigint generated always as identity primary key,
            id uuid not null unique default gen_random_uuid(),
            job bigint not null references webhook on delete cascade,
            receiver text not null,
            event text not null check (event in
                ('started', 'paused', 'resumed', 'completed', 'failed', 'cancelled')),
            state text not null default 'pending' check (state in ('pending', 'delivered', 'failed')),
            attempts integer not null default 0,
            round integer not null default 0,
            next_attempt_at timestamptz not null default clock_timestamp(),
            claimed_until timestamptz,
            http_status integer,
            error text,
            seconds float8,
            created_at timestamptz(3) not null default clock_timestamp(),
            attempted_at timestamptz(3),
            delivered_at timestamptz(3),
            check ((delivered_at is not null) = (state = 'delivered')),
            check (claimed_until is null or state = 'pending')
        ) with (fillfactor = 70);
        comment on column delivery.attempts is 'attempts begun: who settles an older one writes nothing';
        comment on column delivery.round is 'attempts begun since the event or the last redelivery';
        comment on column delivery.next_attempt_at is
            'of a pending one; while it is claimed, when the claim ends';
        -- A job's row is locked while its deliveries are numbered: in one job, keys grow in commit order.
        create index delivery_job on delivery (job, key);
        create index delivery_due on delivery (receiver, next_attempt_at) where state = 'pending';

        -- Every way a job may change its state ends here, in the transaction that changes it.
        create function record_delivery() returns trigger
        language plpgsql as $$
        declare
            v_event text := case
                when new.state <> old.state and new.state in ('paused', 'completed', 'failed', 'cancelled')
                    then new.state
                when old.started_at is null and new.started_at is not null then 'started'
                when old.state in ('paused', 'completed', 'failed', 'cancelled')
                    and new.state in ('queued', 'running') then 'resumed'
            end;
        begin
            insert into delivery (job, receiver, event)
            select w.job, w.receiver, v_event from webhook w where w.job = new.key and v_event = any (w.events);
            if found then
                perform pg_notify('scrape_service_work', '');
            end if;
            return null;
        end $$;

        create trigger job_delivery after update on job for each row
        when (old.state is distinct from new.state or old.started_at is distinct from new.started_at)
        execute function record_delivery();

        -- Claims what is due, receiver by receiver in random order, so that no one's backlog is in the way of
        -- the others. p_receivers and p_counts: what the caller has under way.
        create function claim_deliveries(
            p_limit integer, p_per_receiver integer, p_receivers text[], p_counts integer[],
            p_seconds float8
        ) returns table (
            o_key bigint, o_id uuid, o_job uuid, o_event text, o_created timestamptz, o_url text,
            o_secret text, o_attempt integer, o_round integer
        )
        language plpgsql
        set plan_cache_mode = force_generic_plan set enable_seqscan = off
        as $$
        declare
            v_receiver text;
            v_free integer := p_limit;
            v_room integer;
            v_count integer;
            v_now timestamptz := clock_timestamp();
            v_until timestamptz := v_now + make_interval(secs => p_seconds);
        begin
            for v_receiver in
                -- One look at the index a receiver, however many wait for it.
                with recursive known as (
                    (select d.receiver from delivery d where d.state = 'pending'
                        order by d.receiver limit 1)
                    union all
                    select (select d.receiver from delivery d
                        where d.state = 'pending' and d.receiver > k.receiver order by d.receiver limit 1)
                    from known k where k.receiver is not null
                )
                select k.receiver from known k where k.receiver is not null order by random()
            loop
                exit when v_free <= 0;
                select coalesce(sum(u.n), 0) into v_count
                from unnest(p_receivers, p_counts) as u(receiver, n) where u.receiver = v_receiver;
                v_room := least(v_free, p_per_receiver - v_count);
                continue when v_room <= 0;
                return query
                with due as materialized (
                    select d.key from delivery d
                    where d.state = 'pending' and d.receiver = v_receiver and d.next_attempt_at <= v_now
                    order by d.next_attempt_at limit v_room
                    for no key update skip locked
                ), claimed as (
                    update delivery d set attempts = d.attempts + 1, round = d.round + 1,
                        next_attempt_at = v_until, claimed_until = v_until
                    from due where d.key = due.key
                    returning d.key, d.id, d.job, d.event, d.created_at, d.attempts, d.round
                )
                select c.key, c.id, j.id, c.event, c.created_at::timestamptz, w.url, w.secret, c.attempts,
                    c.round
                from claimed c join webhook w on w.job = c.job join job j on j.key = c.job
                where j.deleted_at is null;
                get diagnostics v_count = row_count;
                v_free := v_free - v_count;
            end loop;
        end $$;

        -- Failed pages by their code. Skipped ones are left out: it would make the sweep of a job that ends early
        -- half as slow again.
        create index page_code on page (bucket, job, settler, error, settled) where status = 'failed';
        """#
}
