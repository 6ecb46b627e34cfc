extension Migration {
    /// How files go, and bytes that nobody needs: a little in each transaction, by whoever has time.
    static let fileSweeping = #"""
        -- Deletes up to p_limit files of a job. Returns how many.
        create function erase_files(p_job bigint, p_first bigint, p_last bigint, p_limit integer) returns bigint
        language plpgsql
        set enable_seqscan = off
        as $$
        declare
            v_count bigint;
        begin
            delete from file f where f.ctid = any (array(
                select e.ctid from file e
                where e.job = p_job and e.number between p_first and p_last order by e.number limit p_limit));
            get diagnostics v_count = row_count;
            return v_count;
        end $$;

        -- Files of jobs that are gone. Returns how much was done.
        create function sweep_shards(p_limit integer) returns bigint
        language plpgsql
        set enable_seqscan = off
        as $$
        declare
            v_gone record;
            v_count bigint;
        begin
            select d.* into v_gone from dropped_shard d order by d.id limit 1 for update skip locked;
            if not found then
                return 0;
            end if;
            v_count := erase_files(
                v_gone.job, first_number(v_gone.shard), first_number(v_gone.shard + 1::smallint) - 1, p_limit);
            if v_count < p_limit then
                delete from dropped_shard d where d.id = v_gone.id;
            end if;
            return v_count + 1;
        end $$;

        -- Uploads whose page is in no queue any more. Returns how many went.
        create function sweep_uploads(p_limit integer) returns bigint
        language plpgsql
        set enable_seqscan = off
        as $$
        declare
            v_upload record;
            v_count bigint := 0;
        begin
            for v_upload in
                select u.id, u.job, u.page_id, u.body from upload u
                where not exists (
                    select from shard s join queue q on q.job = s.job and q.shard = s.shard
                    where s.job = u.job and q.page_id = u.page_id)
                order by u.id limit p_limit for update skip locked
            loop
                -- Again, under the lock: a page that was put back meanwhile may have been opened. One that is put back
                -- from now on is opened after us, and finds no upload.
                continue when exists (
                    select from shard s join queue q on q.job = s.job and q.shard = s.shard
                    where s.job = v_upload.job and q.page_id = v_upload.page_id);
                delete from upload u where u.id = v_upload.id;
                insert into dropped_body values (v_upload.body);
                v_count := v_count + 1;
            end loop;
            return v_count;
        end $$;

        -- Blobs that lost a file. Returns how many were decided on.
        --
        -- Who makes a reference holds the blob's row with key share until it commits (keep_blob, and the foreign key
        -- again): such a row is passed over. A row that is ours is asked for by nobody who has not committed, and what
        -- has committed is seen, for the question is a statement of its own, begun after the lock was had. Who comes
        -- later waits for us and finds the blob gone.
        create function sweep_blobs(p_limit integer) returns bigint
        language plpgsql
        set enable_seqscan = off
        as $$
        declare
            v_loose record;
            v_count bigint := 0;
        begin
            for v_loose in
                select l.id, l.blob from loose_blob l order by l.id limit p_limit for update skip locked
            loop
                perform from blob b where b.id = v_loose.blob for update skip locked;
                if found then
                    if not exists (select from file f where f.blob = v_loose.blob) then
                        delete from blob b where b.id = v_loose.blob;
                        insert into dropped_body values (v_loose.blob);
                    end if;
                elsif exists (select from blob b where b.id = v_loose.blob) then
                    continue;
                end if;
                delete from loose_blob l where l.id = v_loose.id;
                v_count := v_count + 1;
            end loop;
            return v_count;
        end $$;

        -- Up to p_limit pieces of bodies that nothing names. Returns how much was done.
        create function sweep_pieces(p_limit integer) returns bigint
        language plpgsql
        set enable_seqscan = off
        as $$
        declare
            v_body bigint;
            v_pieces bigint;
            v_count bigint := 0;
        begin
            while v_count < p_limit loop
                select d.body into v_body from dropped_body d order by d.body limit 1 for update skip locked;
                exit when not found;
                delete from piece p where p.ctid = any (array(
                    select e.ctid from piece e where e.body = v_body order by e.n limit p_limit - v_count));
                get diagnostics v_pieces = row_count;
                if v_count + v_pieces < p_limit then
                    delete from dropped_body d where d.body = v_body;
                end if;
                v_count := v_count + v_pieces + 1;
            end loop;
            return v_count;
        end $$;

        -- All of it, once. Returns how much was done; 0: nothing is left, or others are at it.
        create function sweep_files(p_rows integer, p_pieces integer) returns bigint
        language sql
        return sweep_shards(p_rows) + sweep_uploads(p_rows) + sweep_blobs(p_rows) + sweep_pieces(p_pieces);

        -- As before, where a job with files and no item is not empty. The caller holds the shards' rows and the job's.
        create or replace function end_job(p_job bigint) returns text
        language plpgsql
        set enable_seqscan = off
        as $$
        declare
            v_fetched bigint;
            v_failed bigint;
            v_items bigint;
            v_files bigint;
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
                v_outcome := case
                    when v_items + v_files = 0 then 'empty' when v_failed > 0 then 'partial' else 'ok' end;
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
