extension Migration {
    /// Tables. What is said of a job in more than one row starts with its key, so that jobs can be spread over
    /// servers; what grows without bound is partitioned by the day its job was created (`bucket`), so that old days
    /// are dropped, not deleted.
    static let tables = #"""
        -- One row a process start. No index on expires_at: a heartbeat stays within its page (HOT).
        create table replica (
            id uuid primary key,
            host text not null,
            pid integer not null,
            process_start bigint not null,
            version text not null,
            started_at timestamptz(3) not null default clock_timestamp(),
            expires_at timestamptz not null
        ) with (fillfactor = 50);
        comment on column replica.host is 'host name, boot id and process namespace: where pid means something';
        comment on column replica.process_start is 'clock ticks since boot: tells a process from a later one with its pid';

        create table job (
            key bigint generated always as identity primary key,
            id uuid not null unique,
            owner text not null,
            name text,
            -- json, not jsonb: the text as given, which may hold what jsonb cannot (an escaped NUL).
            spec json not null,
            state text not null default 'queued' check (state in
                ('queued', 'running', 'paused', 'cancelling', 'completed', 'failed', 'cancelled')),
            stop_reason text check (stop_reason in
                ('finished', 'max_pages', 'max_items', 'max_duration', 'first_failure', 'cancelled',
                 'start_failed', 'internal_error')),
            outcome text check (outcome in ('ok', 'partial', 'empty')),
            error text,
            bucket date not null default (clock_timestamp() at time zone 'UTC')::date,
            shards smallint not null default 1 check (shards > 0),
            revision bigint not null default 1,
            created_at timestamptz(3) not null default clock_timestamp(),
            started_at timestamptz(3),
            finished_at timestamptz(3),
            deleted_at timestamptz(3),
            check ((finished_at is not null) = (state in ('completed', 'failed', 'cancelled'))),
            check ((stop_reason is not null) = (finished_at is not null)),
            check (outcome is null or state = 'completed')
        );
        create index job_open on job (key) where state in ('queued', 'running', 'cancelling');
        create index job_owner on job (owner, id);
        comment on column job.revision is 'grows with each change of this row; with the shards'' versions: the entity tag';
        comment on column job.deleted_at is 'set first when a job is deleted: its rows go in chunks, this row last';

        -- The unit of a lease. Its one writer holds the epoch; numbers are given here, in commit order.
        create table shard (
            job bigint not null references job on delete cascade,
            shard smallint not null,
            bucket date not null,
            epoch bigint not null default 0,
            -- Pruning a replica frees its shards by construction.
            owner uuid references replica on delete set null,
            next_page_id bigint not null default 1,
            next_seq bigint not null default 1,
            next_settled bigint not null default 1,
            discovered bigint not null default 0,
            fetched bigint not null default 0,
            failed bigint not null default 0,
            skipped bigint not null default 0,
            retries bigint not null default 0,
            items bigint not null default 0,
            bytes bigint not null default 0,
            start_fetched bigint not null default 0,
            in_flight integer not null default 0,
            pages_per_second float8 not null default 0,
            items_per_second float8 not null default 0,
            version bigint not null default 0,
            primary key (job, shard),
            check (discovered >= fetched + failed + skipped)
        ) with (fillfactor = 50);
        create index shard_owner on shard (owner) where owner is not null;

        -- Small and mutable: a row exists exactly as long as its page is not settled.
        create table queue (
            job bigint not null,
            shard smallint not null,
            page_id bigint not null,
            kind text not null,
            url text not null,
            depth integer not null,
            attempt integer not null default 0,
            not_before timestamptz not null default '-infinity',
            primary key (job, shard, page_id)
        ) with (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_cost_delay = 0);
        create index queue_retry on queue (job, shard, not_before) where attempt > 0;

        -- Which URLs a job has found: the first 16 bytes of SHA-256 of kind, NUL, URL. Never updated.
        create table seen (
            bucket date not null,
            job bigint not null,
            hash uuid not null,
            primary key (bucket, job, hash)
        ) partition by range (bucket);

        -- The ledger: one row a settled page, never updated.
        create table page (
            bucket date not null,
            job bigint not null,
            shard smallint not null,
            page_id bigint not null,
            settled bigint not null,
            kind text not null,
            url text not null,
            depth integer not null,
            status text not null check (status in ('fetched', 'failed', 'skipped')),
            attempts integer not null,
            http_status integer,
            error text,
            detail text,
            bytes bigint,
            seconds float8,
            items integer not null,
            fetched_at timestamptz(3),
            epoch bigint not null,
            primary key (bucket, job, shard, page_id)
        ) partition by range (bucket);
        create index page_settled on page (bucket, job, shard, status, settled);
        comment on column page.settled is 'number in the order of settling within the shard';

        -- seq = (n - 1) * shards + shard + 1, where n counts the shard's items in commit order:
        -- unique in the job, growing within the shard; with one shard it is n.
        create table item (
            bucket date not null,
            job bigint not null,
            shard smallint not null,
            seq bigint not null,
            page_id bigint not null,
            ord integer not null,
            scraped_at timestamptz(3) not null,
            -- json, not jsonb: keys keep the job's order.
            data json not null,
            primary key (bucket, job, shard, seq)
        ) partition by range (bucket);

        create table failure_count (
            job bigint not null,
            shard smallint not null,
            code text not null,
            n bigint not null,
            primary key (job, shard, code)
        ) with (fillfactor = 50);

        create table idempotency (
            owner text not null,
            key text not null,
            fingerprint bytea not null,
            job bigint not null references job on delete cascade,
            created_at timestamptz(3) not null default clock_timestamp(),
            primary key (owner, key)
        );
        create index idempotency_job on idempotency (job);

        -- Rows of a day without a partition: nothing fails, and the day is moved when somebody cares.
        create table seen_default partition of seen default;
        create table page_default partition of page default;
        create table item_default partition of item default;

        -- Makes the partitions of the days from p_first that are missing. Attaching (instead of creating a
        -- partition in place) lets inserts into the other days go on.
        create function ensure_partitions(p_first date, p_days integer) returns integer
        language plpgsql as $$
        declare
            v_table text;
            v_name text;
            v_day date;
            v_made integer := 0;
        begin
            if not pg_try_advisory_xact_lock(hashtext('scrape-service partitions')) then
                return 0;
            end if;
            foreach v_table in array array['seen', 'page', 'item'] loop
                for v_day in select p_first + n from generate_series(0, p_days - 1) n loop
                    v_name := v_table || to_char(v_day, '"_"YYYYMMDD');
                    continue when to_regclass(v_name) is not null;
                    begin
                        execute format('create table %I (like %I including all)', v_name, v_table);
                        execute format('alter table %I attach partition %I for values from (%L) to (%L)',
                            v_table, v_name, v_day, v_day + 1);
                        v_made := v_made + 1;
                    exception when check_violation then
                        -- The default partition has rows of this day already: they stay there.
                        raise notice 'no partition %: the default one holds its rows', v_name;
                    end;
                end loop;
            end loop;
            return v_made;
        end $$;

        -- With the tables, in their transaction: a row routed to the default partition while its day's partition is
        -- attached would be refused.
        select ensure_partitions((clock_timestamp() at time zone 'UTC')::date - 1, 9);
        """#
}
