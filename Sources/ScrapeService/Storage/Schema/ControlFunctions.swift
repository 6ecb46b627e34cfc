extension Migration {
    /// What a client asks of a job, by its key. Each returns whether it changed something.
    static let controlFunctions = #"""
        create function cancel_job(p_job bigint) returns boolean
        language plpgsql as $$
        begin
            update job j set state = 'cancelling', end_reason = 'cancelled', revision = j.revision + 1,
                ran = job_elapsed(j), running_since = null
            where j.key = p_job and j.state in ('queued', 'running', 'paused');
            return found;
        end $$;

        -- Not while it ends already, for a reason of its own.
        create function pause_job(p_job bigint) returns boolean
        language plpgsql as $$
        begin
            update job j set state = 'paused', revision = j.revision + 1, ran = job_elapsed(j),
                running_since = null
            where j.key = p_job and j.state in ('queued', 'running') and j.end_reason is null;
            return found;
        end $$;

        create function resume_job(p_job bigint) returns boolean
        language plpgsql as $$
        begin
            update job j set revision = j.revision + 1,
                state = case when j.started_at is null then 'queued' else 'running' end,
                running_since = case when j.started_at is not null then clock_timestamp() end
            where j.key = p_job and j.state = 'paused';
            return found;
        end $$;

        -- Puts the failed pages of a job that is over back into the queue, and the job with them. Nothing where
        -- no page failed. Their attempts are counted on, their retries begin anew. What was never fetched stays
        -- skipped, and the job ends for the same reason again.
        create function retry_failed(p_job bigint) returns boolean
        language plpgsql
        set plan_cache_mode = force_generic_plan set enable_seqscan = off
        as $$
        declare
            v_job job%rowtype;
            v_shard record;
            v_count bigint;
            v_total bigint := 0;
        begin
            perform from shard s where s.job = p_job order by s.shard for no key update;
            select * into v_job from job j where j.key = p_job for no key update;
            if not found or v_job.finished_at is null or not v_job.swept or v_job.deleted_at is not null then
                return false;
            end if;
            for v_shard in select s.shard from shard s where s.job = p_job order by s.shard loop
                with gone as (
                    delete from page p
                    where p.bucket = v_job.bucket and p.job = p_job and p.settler = v_shard.shard
                        and p.status = 'failed'
                    returning p.page_id, p.kind, p.url, p.depth, p.attempts
                )
                insert into queue (job, shard, page_id, kind, url, depth, origin, former_attempts)
                select p_job, v_shard.shard, g.page_id, g.kind, g.url, g.depth, url_origin(g.url), g.attempts
                from gone g;
                get diagnostics v_count = row_count;
                continue when v_count = 0;
                v_total := v_total + v_count;
                update shard s set failed = s.failed - v_count, closed = false, owner = null,
                    epoch = s.epoch + 1, page_quota = 0, version = s.version + 1
                where s.job = p_job and s.shard = v_shard.shard;
            end loop;
            if v_total = 0 then
                return false;
            end if;
            update shard s set page_quota = 0 where s.job = p_job;
            delete from failure_count f where f.job = p_job;
            update job j set state = 'queued',
                cut_by = case when exists (
                    select from page p where p.bucket = v_job.bucket and p.job = p_job
                        and p.status = 'skipped' and p.error = v_job.end_reason) then v_job.end_reason end,
                stop_reason = null, outcome = null, error = null,
                end_reason = null, finished_at = null, ran = '0', running_since = null,
                revision = j.revision + 1
            where j.key = p_job;
            return true;
        end $$;
        """#
}
