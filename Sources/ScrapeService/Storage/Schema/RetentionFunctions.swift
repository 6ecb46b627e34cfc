extension Migration {
    /// How old jobs go: by whole days, so that their rows are dropped with their partitions, not deleted. A day is
    /// over when all of its jobs have been over for long enough; then each job's row is what is left of it.
    ///
    /// Days are given in order: first `expire_day`, in one transaction, which hides the jobs; then, each in a
    /// transaction of its own and at any later time, `drop_day` and `erase_default_rows` for what nobody sees any more.
    static let retentionFunctions = #"""
        alter table job add column expired_at timestamptz(3),
            add check (expired_at is null or (deleted_at is not null and finished_at is not null));
        comment on column job.expired_at is
            'its data is gone after its time, this row is what is left; deleted_at, set too, hides it';
        create index job_day on job (bucket) where expired_at is null;

        -- Whether a day is far enough back that nobody files a job under it any more.
        create function is_past(p_day date, p_days integer) returns boolean
        language sql as $$
            select p_day + p_days < (clock_timestamp() at time zone 'UTC')::date
        $$;

        -- Whether every job of a day has been over for p_days days. One that is being deleted, or whose queue is
        -- being emptied, is waited for.
        create function is_day_over(p_day date, p_days integer) returns boolean
        language sql as $$
            select is_past(p_day, p_days) and not exists (
                select from job j where j.bucket = p_day and j.expired_at is null and (
                    j.finished_at is null
                    or j.finished_at >= clock_timestamp() - make_interval(days => p_days)
                    or j.deleted_at is not null
                    or not j.swept
                    or exists (select from queue q where q.job = j.key)))
        $$;

        -- Leaves of every job of a day nothing but its row. Returns how many; 0: the day is not over, or done.
        create function expire_day(p_day date, p_days integer) returns bigint
        language plpgsql as $$
        declare
            v_keys bigint[];
            v_count bigint;
        begin
            if not is_day_over(p_day, p_days) then
                return 0;
            end if;
            -- Shards before jobs, like everybody. A job that comes to life again meanwhile is seen under the locks.
            perform from shard s
            where s.job in (select j.key from job j where j.bucket = p_day and j.expired_at is null)
            order by s.job, s.shard for update;
            perform from job j where j.bucket = p_day and j.expired_at is null order by j.key for update;
            if not is_day_over(p_day, p_days) then
                return 0;
            end if;
            select array_agg(j.key) into v_keys from job j where j.bucket = p_day and j.expired_at is null;
            delete from shard s where s.job = any (v_keys);
            delete from failure_count f where f.job = any (v_keys);
            delete from idempotency i where i.job = any (v_keys);
            update job j set expired_at = clock_timestamp(), deleted_at = clock_timestamp(), spec = '{}', error = null,
                revision = j.revision + 1
            where j.key = any (v_keys);
            get diagnostics v_count = row_count;
            return v_count;
        end $$;

        -- The partitions of days that have no job any more but expired ones.
        create function days_to_drop(p_days integer) returns table (o_table text, o_day date)
        language sql as $$
            select t.name, d.day
            from unnest(array['item', 'page', 'seen']) as t(name)
            join pg_inherits i on i.inhparent = t.name::regclass
            join pg_class c on c.oid = i.inhrelid
            -- Null for the default partition, which is of no day.
            cross join lateral (
                select case when c.relname ~ '_[0-9]{8}$' then to_date(right(c.relname, 8), 'YYYYMMDD') end
            ) as d(day)
            where is_past(d.day, p_days)
                and not exists (select from job j where j.bucket = d.day and j.expired_at is null)
            order by d.day, t.name
        $$;

        -- Drops one day's partition of one table. The table's lock is exclusive: whoever comes waits behind us while
        -- we wait, so we do not wait long (55P03), and take no second table's lock in the same transaction.
        -- False: somebody else is at it, or the day has jobs.
        create function drop_day(p_table text, p_day date, p_days integer) returns boolean
        language plpgsql set lock_timeout = '200ms'
        as $$
        begin
            if not pg_try_advisory_xact_lock(hashtext('scrape-service partitions')) then
                return false;
            end if;
            if not is_past(p_day, p_days)
                or exists (select from job j where j.bucket = p_day and j.expired_at is null)
            then
                return false;
            end if;
            execute format('drop table if exists %I', p_table || to_char(p_day, '"_"YYYYMMDD'));
            return true;
        end $$;

        -- Deletes up to p_limit rows of such days from a default partition, where days without a partition of their
        -- own are. Returns how many.
        create function erase_default_rows(p_table text, p_days integer, p_limit integer) returns bigint
        language plpgsql as $$
        declare
            v_count bigint;
        begin
            execute format(
                'delete from %1$I where ctid = any (array(
                    select d.ctid from %1$I d
                    where is_past(d.bucket, $1)
                        and not exists (select from job j where j.bucket = d.bucket and j.expired_at is null)
                    limit $2))', p_table || '_default')
            using p_days, p_limit;
            get diagnostics v_count = row_count;
            return v_count;
        end $$;
        """#
}
