extension Migration {
    /// Who works on what, and how it ends. Locks are taken in one order: shard, then job.
    static let leaseFunctions = #"""
        -- Takes one shard that no living replica holds, oldest job first. No row: there is none.
        create function claim_shard(p_replica uuid) returns table (
            o_key bigint, o_id uuid, o_shard smallint, o_epoch bigint,
            o_spec text, o_state text, o_elapsed float8,
            o_discovered bigint, o_fetched bigint, o_failed bigint, o_skipped bigint,
            o_retries bigint, o_items bigint, o_bytes bigint, o_start_fetched bigint
        )
        language plpgsql as $$
        declare
            v_free record;
            v_shard shard%rowtype;
            v_job job%rowtype;
        begin
            for v_free in
                select s.job, s.shard from job j join shard s on s.job = j.key
                where j.state in ('queued', 'running', 'cancelling')
                    and not exists (
                        select from replica r where r.id = s.owner and r.expires_at >= clock_timestamp())
                order by j.key, s.shard limit 100
            loop
                -- Looked at again under the lock, in a statement of its own: it sees what a rival has
                -- committed.
                select * into v_shard from shard s where s.job = v_free.job and s.shard = v_free.shard
                for no key update skip locked;
                continue when not found;
                continue when exists (
                    select from replica r where r.id = v_shard.owner and r.expires_at >= clock_timestamp());
                select * into v_job from job j where j.key = v_free.job for no key update;
                continue when not found or v_job.state not in ('queued', 'running', 'cancelling');
                if v_job.state = 'queued' then
                    update job j set state = 'running', revision = j.revision + 1,
                        started_at = coalesce(j.started_at, clock_timestamp())
                    where j.key = v_job.key returning * into v_job;
                end if;
                update shard s set owner = p_replica, epoch = s.epoch + 1, version = s.version + 1,
                    in_flight = 0, pages_per_second = 0, items_per_second = 0
                where s.job = v_shard.job and s.shard = v_shard.shard returning * into v_shard;
                return query select v_job.key, v_job.id, v_shard.shard, v_shard.epoch,
                    v_job.spec::text, v_job.state,
                    extract(epoch from
                        clock_timestamp() - coalesce(v_job.started_at, clock_timestamp()))::float8,
                    v_shard.discovered, v_shard.fetched, v_shard.failed, v_shard.skipped,
                    v_shard.retries, v_shard.items, v_shard.bytes, v_shard.start_fetched;
                return;
            end loop;
        end $$;

        -- Moves up to p_limit queued pages of a shard to the ledger as skipped. Returns how many; -1: the
        -- lease is lost.
        create function skip_rest(
            p_job bigint, p_shard smallint, p_epoch bigint, p_reason text, p_limit integer
        ) returns bigint
        language plpgsql
        set plan_cache_mode = force_generic_plan set enable_seqscan = off
        as $$
        declare
            v_shard shard%rowtype;
            v_last bigint;
            v_count bigint;
        begin
            select * into v_shard from shard s
            where s.job = p_job and s.shard = p_shard and s.epoch = p_epoch for no key update;
            if not found then
                return -1;
            end if;
            select max(n.page_id) into v_last from (
                select q.page_id from queue q where q.job = p_job and q.shard = p_shard
                order by q.page_id limit p_limit) n;
            with gone as (
                delete from queue q where q.job = p_job and q.shard = p_shard and q.page_id <= v_last
                returning q.page_id, q.kind, q.url, q.depth, q.attempt
            )
            insert into page (bucket, job, shard, page_id, settled, kind, url, depth, status, attempts, error,
                items, epoch)
            select v_shard.bucket, p_job, p_shard, g.page_id,
                v_shard.next_settled - 1 + row_number() over (order by g.page_id),
                g.kind, g.url, g.depth, 'skipped', g.attempt, p_reason, 0, p_epoch
            from gone g;
            get diagnostics v_count = row_count;
            if v_count > 0 then
                update shard s set skipped = s.skipped + v_count, next_settled = s.next_settled + v_count,
                    in_flight = 0, version = s.version + 1
                where s.job = p_job and s.shard = p_shard;
            end if;
            return v_count;
        end $$;

        -- Ends a job whose queue is empty. False: the lease is lost, or the queue is not empty. True again if
        -- repeated.
        create function finish_job(
            p_job bigint, p_shard smallint, p_epoch bigint,
            p_state text, p_reason text, p_outcome text, p_error text
        ) returns boolean
        language plpgsql as $$
        declare
            v_state text;
        begin
            perform from shard s
            where s.job = p_job and s.shard = p_shard and s.epoch = p_epoch for no key update;
            if not found or exists (select from queue q where q.job = p_job) then
                return false;
            end if;
            select j.state into v_state from job j where j.key = p_job for no key update;
            if v_state in ('completed', 'failed', 'cancelled') then
                return true;
            end if;
            -- Whoever was told "cancelling" finds the job cancelled, also if it came to another end
            -- meanwhile.
            if v_state = 'cancelling' then
                p_state := 'cancelled';
                p_reason := 'cancelled';
                p_outcome := null;
            end if;
            update job j set state = p_state, stop_reason = p_reason, outcome = p_outcome, error = p_error,
                finished_at = clock_timestamp(), revision = j.revision + 1
            where j.key = p_job;
            update shard s set owner = null, in_flight = 0, pages_per_second = 0, items_per_second = 0,
                version = s.version + 1
            where s.job = p_job;
            return true;
        end $$;

        -- Deletes up to p_limit rows of a job from one of the partitioned tables. Returns how many.
        -- By place (ctid), because no key has the same columns in all of them; a day is in one partition
        -- only.
        create function erase_chunk(
            p_table regclass, p_bucket date, p_job bigint, p_limit integer
        ) returns bigint
        language plpgsql
        set enable_seqscan = off
        as $$
        declare
            v_partition regclass;
            v_rows tid[];
        begin
            execute format(
                'select min(r.tableoid::oid)::regclass, array_agg(r.ctid) from (
                    select tableoid, ctid from %s where bucket = $1 and job = $2 limit $3) r', p_table)
            into v_partition, v_rows using p_bucket, p_job, p_limit;
            if v_rows is null then
                return 0;
            end if;
            execute format('delete from only %s where ctid = any ($1)', v_partition) using v_rows;
            return cardinality(v_rows);
        end $$;
        """#
}
