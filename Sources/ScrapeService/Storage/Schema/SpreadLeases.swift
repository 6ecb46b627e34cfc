extension Migration {
    /// Who works on which shard, how shards come and go, and how a job ends. Locks are taken in one order: shards
    /// by number, then the job.
    static let spreadLeases = #"""
        -- How long a job has run, pauses and waits left out.
        create function job_elapsed(p_job job) returns interval
        language sql stable
        return p_job.ran + coalesce(clock_timestamp() - p_job.running_since, '0');

        -- Takes one shard that no living replica holds, oldest job first. No row: there is none.
        -- p_held: jobs the replica works on. A shard split off from one of them is left to others for
        -- p_courtesy seconds. p_unreadable: jobs of a newer service, which this one does not understand.
        drop function claim_shard;
        create function claim_shard(
            p_replica uuid, p_held bigint[], p_unreadable bigint[], p_courtesy float8
        ) returns table (
            o_key bigint, o_id uuid, o_shard smallint, o_epoch bigint,
            o_spec text, o_state text, o_ending text, o_elapsed float8, o_quota bigint, o_open integer,
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
                select s.job, s.shard from job j join shard s on s.job = j.key and not s.closed
                where j.state in ('queued', 'running', 'cancelling') and j.deleted_at is null
                    and j.key <> all (p_unreadable)
                    and not exists (
                        select from replica r where r.id = s.owner and r.expires_at >= clock_timestamp())
                    and (s.offered_at is null or s.job <> all (p_held)
                        or s.offered_at < clock_timestamp() - make_interval(secs => p_courtesy))
                order by j.key, s.shard limit 100
            loop
                -- Looked at again under the lock, in a statement of its own: it sees what a rival has
                -- committed.
                select * into v_shard from shard s where s.job = v_free.job and s.shard = v_free.shard
                for no key update skip locked;
                continue when not found or v_shard.closed;
                continue when exists (
                    select from replica r where r.id = v_shard.owner and r.expires_at >= clock_timestamp());
                select * into v_job from job j where j.key = v_free.job for no key update;
                continue when not found or v_job.state not in ('queued', 'running', 'cancelling');
                if v_job.state = 'queued' then
                    update job j set state = 'running', revision = j.revision + 1,
                        started_at = coalesce(j.started_at, clock_timestamp()),
                        running_since = clock_timestamp()
                    where j.key = v_job.key returning * into v_job;
                end if;
                update shard s set owner = p_replica, epoch = s.epoch + 1, version = s.version + 1,
                    offered_at = null, in_flight = 0, pages_per_second = 0, items_per_second = 0, hosts = null
                where s.job = v_shard.job and s.shard = v_shard.shard returning * into v_shard;
                return query select v_job.key, v_job.id, v_shard.shard, v_shard.epoch,
                    v_job.spec::text, v_job.state, v_job.end_reason,
                    extract(epoch from job_elapsed(v_job))::float8, v_shard.page_quota,
                    (select count(*)::integer from shard s where s.job = v_job.key and not s.closed),
                    v_shard.discovered, v_shard.fetched, v_shard.failed, v_shard.skipped,
                    v_shard.retries, v_shard.items, v_shard.bytes, v_shard.start_fetched;
                return;
            end loop;
        end $$;

        -- Gives up to p_limit pages that nobody has attempted, numbered above p_after, to a shard of their own
        -- that any replica may claim: half of what is there. The giver keeps p_quota of max_pages. Returns how
        -- many pages moved; -1: the lease is lost. 0: there is too little, or the job does not go on.
        create function split_shard(
            p_job bigint, p_shard smallint, p_epoch bigint, p_after bigint, p_quota bigint,
            p_limit integer, p_max_shards integer
        ) returns bigint
        language plpgsql
        set plan_cache_mode = force_generic_plan set enable_seqscan = off
        as $$
        declare
            v_shard shard%rowtype;
            v_job job%rowtype;
            v_new smallint;
            v_count bigint;
            v_first bigint;
        begin
            select * into v_shard from shard s
            where s.job = p_job and s.shard = p_shard and s.epoch = p_epoch for no key update;
            if not found then
                return -1;
            end if;
            select count(*) / 2 into v_count from (
                select from queue q
                where q.job = p_job and q.shard = p_shard and q.attempt = 0 and q.page_id > p_after
                order by q.page_id limit 2 * p_limit) n;
            -- A shard that was closed is used again: what it gave numbers to keeps them.
            select s.shard into v_new from shard s where s.job = p_job and s.closed
            order by s.shard limit 1 for no key update skip locked;
            select * into v_job from job j where j.key = p_job for no key update;
            if v_job.state <> 'running' or v_job.end_reason is not null or v_count = 0
                or (v_new is null and v_job.shards >= p_max_shards)
            then
                return 0;
            end if;
            if v_new is null then
                v_new := v_job.shards;
                update job j set shards = j.shards + 1, revision = j.revision + 1 where j.key = p_job;
                insert into shard (job, shard, bucket, next_page_id)
                values (p_job, v_new, v_shard.bucket, first_number(v_new) + 1);
            end if;
            select max(n.page_id) into v_first from (
                select q.page_id from queue q
                where q.job = p_job and q.shard = p_shard and q.attempt = 0 and q.page_id > p_after
                order by q.page_id limit v_count) n;
            with moved as (
                select q.ctid from queue q
                where q.job = p_job and q.shard = p_shard and q.attempt = 0 and q.page_id > v_first
                order by q.page_id limit p_limit
            )
            update queue q set shard = v_new where q.ctid = any (array(select m.ctid from moved m));
            get diagnostics v_count = row_count;
            update shard s set discovered = s.discovered - v_count, version = s.version + 1,
                page_quota = least(s.page_quota, p_quota)
            where s.job = p_job and s.shard = p_shard;
            update shard s set closed = false, owner = null, offered_at = clock_timestamp(),
                epoch = s.epoch + 1, discovered = s.discovered + v_count, version = s.version + 1,
                page_quota = s.fetched + s.failed
            where s.job = p_job and s.shard = v_new;
            return v_count;
        end $$;

        -- Asks for p_more pages of a job's p_max. o_quota: how many the shard may attempt in all;
        -- o_spent: how many were attempted by all shards. No row: the lease is lost.
        create function reserve_pages(
            p_job bigint, p_shard smallint, p_epoch bigint, p_more bigint, p_max bigint
        ) returns table (o_quota bigint, o_spent bigint)
        language plpgsql as $$
        declare
            v_shard shard%rowtype;
            v_given bigint;
        begin
            select * into v_shard from shard s
            where s.job = p_job and s.shard = p_shard and s.epoch = p_epoch for no key update;
            if not found then
                return;
            end if;
            perform from job j where j.key = p_job for no key update;
            select sum(greatest(s.page_quota, s.fetched + s.failed)), sum(s.fetched + s.failed)
            into v_given, o_spent from shard s where s.job = p_job;
            o_quota := greatest(v_shard.page_quota, v_shard.fetched + v_shard.failed)
                + greatest(0, least(p_more, p_max - v_given));
            if o_quota <> v_shard.page_quota then
                update shard s set page_quota = o_quota where s.job = p_job and s.shard = p_shard;
            end if;
            return next;
        end $$;

        -- Whether a living replica works on the job.
        create function is_held(p_job bigint) returns boolean
        language sql stable
        return exists (
            select from shard s join replica r on r.id = s.owner
            where s.job = p_job and not s.closed and r.expires_at >= clock_timestamp());

        -- Writes the end that was decided, or that all pages are done. The caller holds the shards' rows and the
        -- job's. Outcome and reason are judged by what is committed.
        create function end_job(p_job bigint) returns text
        language plpgsql
        set enable_seqscan = off
        as $$
        declare
            v_fetched bigint;
            v_failed bigint;
            v_items bigint;
            v_reason text;
            v_state text;
            v_outcome text;
        begin
            select coalesce(j.end_reason, j.cut_by, 'finished') into v_reason from job j where j.key = p_job;
            select sum(s.start_fetched), sum(s.failed), sum(s.items) into v_fetched, v_failed, v_items
            from shard s where s.job = p_job;
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
                v_outcome := case when v_items = 0 then 'empty' when v_failed > 0 then 'partial' else 'ok' end;
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

        -- Moves up to p_limit queued pages of a shard to the ledger as skipped. The caller holds the shard's
        -- row. Returns how many.
        create function skip_pages(
            p_job bigint, p_shard smallint, p_reason text, p_limit integer
        ) returns bigint
        language plpgsql
        set plan_cache_mode = force_generic_plan set enable_seqscan = off
        as $$
        declare
            v_shard shard%rowtype;
            v_last bigint;
            v_count bigint;
        begin
            select * into v_shard from shard s where s.job = p_job and s.shard = p_shard;
            select max(n.page_id) into v_last from (
                select q.page_id from queue q where q.job = p_job and q.shard = p_shard
                order by q.page_id limit p_limit) n;
            with gone as (
                delete from queue q where q.job = p_job and q.shard = p_shard and q.page_id <= v_last
                returning q.page_id, q.kind, q.url, q.depth, q.attempt + q.former_attempts as attempts
            )
            insert into page (bucket, job, shard, page_id, settler, settled, kind, url, depth, status, attempts,
                error, items, epoch)
            select v_shard.bucket, p_job, page_home(g.page_id), g.page_id, p_shard,
                v_shard.next_settled - 1 + row_number() over (order by g.page_id),
                g.kind, g.url, g.depth, 'skipped', g.attempts, p_reason, 0, v_shard.epoch
            from gone g;
            get diagnostics v_count = row_count;
            if v_count > 0 then
                update shard s set skipped = s.skipped + v_count, next_settled = s.next_settled + v_count,
                    in_flight = 0, version = s.version + 1
                where s.job = p_job and s.shard = p_shard;
            end if;
            return v_count;
        end $$;

        -- The same, for who holds the lease. -1: it is lost.
        create or replace function skip_rest(
            p_job bigint, p_shard smallint, p_epoch bigint, p_reason text, p_limit integer
        ) returns bigint
        language plpgsql as $$
        begin
            perform from shard s
            where s.job = p_job and s.shard = p_shard and s.epoch = p_epoch for no key update;
            if not found then
                return -1;
            end if;
            return skip_pages(p_job, p_shard, p_reason, p_limit);
        end $$;

        -- The same for a job that is over already, one chunk. Returns how many; 0: nothing is left;
        -- -1: somebody else is at it, and p_wait does not ask to wait for that.
        create function sweep_job(p_job bigint, p_limit integer, p_wait boolean) returns bigint
        language plpgsql as $$
        declare
            v_job job%rowtype;
            v_shard record;
            v_count bigint;
        begin
            if p_wait then
                perform from shard s where s.job = p_job order by s.shard for no key update;
            else
                perform from shard s where s.job = p_job order by s.shard for no key update skip locked;
                get diagnostics v_count = row_count;
                if v_count < (select count(*) from shard s where s.job = p_job) then
                    return -1;
                end if;
            end if;
            select * into v_job from job j where j.key = p_job and j.finished_at is not null;
            if not found or v_job.swept then
                return 0;
            end if;
            for v_shard in select s.shard from shard s where s.job = p_job order by s.shard loop
                v_count := skip_pages(p_job, v_shard.shard, v_job.end_reason, p_limit);
                if v_count > 0 then
                    return v_count;
                end if;
            end loop;
            perform from job j where j.key = p_job for no key update;
            if not exists (select from queue q where q.job = p_job) then
                update job j set swept = true where j.key = p_job;
            end if;
            return 0;
        end $$;

        -- Does one piece of what nobody else does: ends a cancelled job that no living replica holds, or sweeps
        -- one that is over. Null: there is nothing to do; -1: somebody else does it.
        create function sweep_any(p_limit integer) returns bigint
        language plpgsql as $$
        declare
            v_key bigint;
        begin
            select j.key into v_key from job j
            where j.state = 'cancelling' and not is_held(j.key) order by j.key limit 1;
            if found then
                perform from shard s where s.job = v_key order by s.shard for no key update;
                perform from job j where j.key = v_key and j.state = 'cancelling' for no key update;
                if found and not is_held(v_key) then
                    perform end_job(v_key);
                end if;
                return 1;
            end if;
            select j.key into v_key from job j
            where not j.swept and j.finished_at is not null and j.deleted_at is null
            order by random() limit 1;
            if not found then
                return null;
            end if;
            return sweep_job(v_key, p_limit, false);
        end $$;

        -- Empties the queue of a job that is being deleted, one chunk. Returns how many rows went.
        create function erase_queue(p_job bigint, p_limit integer) returns bigint
        language plpgsql
        set enable_seqscan = off
        as $$
        declare
            v_count bigint;
        begin
            -- Whoever sweeps it has these rows first, and adds nothing to the ledger afterwards.
            perform from shard s where s.job = p_job order by s.shard for no key update;
            delete from queue q where q.ctid = any (array(
                select w.ctid from shard s cross join lateral (
                    select q.ctid from queue q where q.job = p_job and q.shard = s.shard limit p_limit) w
                where s.job = p_job limit p_limit));
            get diagnostics v_count = row_count;
            return v_count;
        end $$;

        -- Decides that a job is to end, and why: the first reason counts. False: the lease is lost.
        create function decide_end(
            p_job bigint, p_shard smallint, p_epoch bigint, p_reason text, p_error text
        ) returns boolean
        language plpgsql as $$
        begin
            perform from shard s
            where s.job = p_job and s.shard = p_shard and s.epoch = p_epoch for no key update;
            if not found then
                return false;
            end if;
            update job j set end_reason = p_reason, error = p_error, revision = j.revision + 1
            where j.key = p_job and j.end_reason is null and j.finished_at is null;
            return true;
        end $$;

        -- Ends the work on a shard: its queue is empty, or an end was decided. The last open shard ends the job.
        -- o_result: 'lost' (the lease), 'open' (there is work left), 'closed' (others go on), 'ended'.
        drop function finish_job;
        create function close_shard(
            p_job bigint, p_shard smallint, p_epoch bigint, out o_result text, out o_reason text
        )
        language plpgsql
        set enable_seqscan = off
        as $$
        declare
            v_job job%rowtype;
        begin
            perform from shard s where s.job = p_job order by s.shard for no key update;
            perform from shard s where s.job = p_job and s.shard = p_shard and s.epoch = p_epoch;
            if not found then
                o_result := 'lost';
                return;
            end if;
            select * into v_job from job j where j.key = p_job for no key update;
            if v_job.end_reason is null and exists (
                select from queue q where q.job = p_job and q.shard = p_shard)
            then
                o_result := 'open';
                return;
            end if;
            -- Others go on: an end that was decided waits for those who may still be fetching, everything else
            -- for whatever is open.
            if exists (
                select from shard s where s.job = p_job and s.shard <> p_shard and not s.closed
                    and (v_job.end_reason is null or exists (
                        select from replica r where r.id = s.owner and r.expires_at >= clock_timestamp())))
            then
                update shard s set closed = true, owner = null, offered_at = null, in_flight = 0,
                    pages_per_second = 0, items_per_second = 0, hosts = null,
                    page_quota = s.fetched + s.failed, version = s.version + 1
                where s.job = p_job and s.shard = p_shard;
                o_result := 'closed';
                return;
            end if;
            o_reason := end_job(p_job);
            o_result := 'ended';
        end $$;
        """#
}
