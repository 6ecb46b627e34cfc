extension Migration {
    /// How bodies are received and saved, and how what nobody needs goes.
    ///
    /// Locks are taken in one order: shard, upload, blobs by their hash. Nobody holds one while bytes travel: they come
    /// as a parameter, before the function begins. The sweeper waits for no lock at all (`skip locked`), so whoever
    /// waits for it waits for one short transaction.
    static let fileFunctions = #"""
        create function is_leased(p_job bigint, p_shard smallint, p_epoch bigint) returns boolean
        language sql
        return exists (
            select from shard s where s.job = p_job and s.shard = p_shard and s.epoch = p_epoch);

        -- The upload of a queued page, found or made, for who holds the lease. No row: it is lost, or the page is
        -- not in the shard's queue.
        create function open_upload(p_job bigint, p_shard smallint, p_epoch bigint, p_page bigint)
        returns table (o_id bigint, o_bytes bigint, o_head text)
        language plpgsql
        set enable_seqscan = off
        as $$
        begin
            -- The lock keeps the epoch and the page where they are until the upload is ours.
            perform from shard s
            where s.job = p_job and s.shard = p_shard and s.epoch = p_epoch for no key update;
            if not found then
                return;
            end if;
            perform from queue q where q.job = p_job and q.shard = p_shard and q.page_id = p_page;
            if not found then
                return;
            end if;
            return query
            insert into upload as u (job, page_id, shard, epoch, body)
            values (p_job, p_page, p_shard, p_epoch, nextval('body_number'))
            on conflict (job, page_id) do update set shard = excluded.shard, epoch = excluded.epoch
            returning u.id, u.bytes, u.head::text;
        end $$;

        -- Locks an upload for who opened it last and holds the lease still. The shard is not locked, so that a batch
        -- never waits for a piece: a takeover in the middle of this is followed by an open_upload, which waits for the
        -- upload's lock and then goes on from what was stored. No row: the lease is lost.
        create function lock_upload(p_job bigint, p_shard smallint, p_epoch bigint, p_id bigint) returns setof upload
        language plpgsql as $$
        declare
            v_upload upload%rowtype;
        begin
            select * into v_upload from upload u
            where u.id = p_id and u.job = p_job and u.shard = p_shard and u.epoch = p_epoch for no key update;
            if found and is_leased(p_job, p_shard, p_epoch) then
                return next v_upload;
            end if;
        end $$;

        -- Forgets what was received: a new answer begins. False: the lease is lost.
        create function restart_upload(
            p_job bigint, p_shard smallint, p_epoch bigint, p_id bigint, p_head json
        ) returns boolean
        language plpgsql
        set enable_seqscan = off
        as $$
        declare
            v_upload upload%rowtype;
        begin
            select * into v_upload from lock_upload(p_job, p_shard, p_epoch, p_id);
            if not found then
                return false;
            end if;
            if v_upload.bytes > 0 then
                insert into dropped_body values (v_upload.body);
                v_upload.body := nextval('body_number');
            end if;
            update upload u set head = p_head, bytes = 0, body = v_upload.body where u.id = p_id;
            return true;
        end $$;

        -- Adds a piece, or puts a longer one in the place of a last, short one. One that is there already changes
        -- nothing. False: the lease is lost.
        create function append_piece(
            p_job bigint, p_shard smallint, p_epoch bigint, p_id bigint, p_offset bigint, p_content bytea
        ) returns boolean
        language plpgsql
        set enable_seqscan = off
        as $$
        declare
            v_upload upload%rowtype;
            v_end bigint := p_offset + octet_length(p_content);
        begin
            select * into v_upload from lock_upload(p_job, p_shard, p_epoch, p_id);
            if not found then
                return false;
            end if;
            if p_offset % 262144 <> 0 or p_offset > v_upload.bytes then
                raise exception 'a piece at % of an upload of % bytes', p_offset, v_upload.bytes;
            end if;
            if v_end > v_upload.bytes then
                insert into piece values (v_upload.body, p_offset / 262144, p_content)
                on conflict (body, n) do update set content = excluded.content;
                update upload u set bytes = v_end where u.id = p_id;
            end if;
            return true;
        end $$;

        -- The blob of a content: the one that is there, locked against the sweeper until this transaction ends, or a
        -- new one with the body p_body, or with p_content as the only piece of a new body.
        create function keep_blob(p_sha256 bytea, p_bytes bigint, p_body bigint, p_content bytea) returns bigint
        language plpgsql
        set enable_seqscan = off
        as $$
        declare
            v_blob bigint;
        begin
            loop
                -- Waits for a sweeper that has it, and then does not find it.
                select b.id into v_blob from blob b where b.sha256 = p_sha256 for key share;
                if found then
                    return v_blob;
                end if;
                insert into blob (id, sha256, bytes)
                values (coalesce(p_body, nextval('body_number')), p_sha256, p_bytes)
                on conflict (sha256) do nothing
                returning id into v_blob;
                if found then
                    if octet_length(p_content) > 0 then
                        insert into piece values (v_blob, 0, p_content);
                    end if;
                    return v_blob;
                end if;
            end loop;
        end $$;

        -- Saves the files of pages that were settled just now. p_files: objects with page, sha256 (hex), bytes,
        -- final_url, content_type, disposition, and upload (its id) or body (its place in p_bodies, from 1; neither: no
        -- bytes). The caller holds the shard's row.
        create function record_files(
            p_job bigint, p_shard smallint, p_done bigint[], p_files json, p_bodies bytea[]
        ) returns void
        language plpgsql
        set plan_cache_mode = force_generic_plan set enable_seqscan = off
        as $$
        declare
            v_file record;
            v_first bigint;
            v_body bigint;
            v_stored bigint;
            v_count bigint := 0;
        begin
            select first_number(s.shard) + s.files into v_first from shard s
            where s.job = p_job and s.shard = p_shard;
            for v_file in
                select f.*, row_number() over (order by f.n) as number
                from rows from (json_to_recordset(p_files) as (
                    page bigint, sha256 text, bytes bigint, final_url text, content_type text, disposition text,
                    upload bigint, body integer)) with ordinality
                    as f(page, sha256, bytes, final_url, content_type, disposition, upload, body, n)
                where f.page = any (p_done)
                -- By hash: two batches that share contents take them in one order and never deadlock.
                order by f.sha256, f.n
            loop
                v_body := null;
                if v_file.upload is not null then
                    select u.body, u.bytes into v_body, v_stored from upload u
                    where u.id = v_file.upload and u.job = p_job and u.page_id = v_file.page;
                    if v_stored is distinct from v_file.bytes then
                        raise exception 'upload % has % bytes, not %', v_file.upload, v_stored, v_file.bytes;
                    end if;
                elsif coalesce(octet_length(p_bodies[v_file.body]), 0) <> v_file.bytes then
                    raise exception 'the file of page % has not % bytes', v_file.page, v_file.bytes;
                end if;
                insert into file (job, number, page_id, blob, final_url, content_type, disposition)
                values (p_job, v_first + v_file.number, v_file.page,
                    keep_blob(decode(v_file.sha256, 'hex'), v_file.bytes, v_body, p_bodies[v_file.body]),
                    v_file.final_url, v_file.content_type, v_file.disposition);
                v_count := v_count + 1;
            end loop;
            -- What did not become a blob, its content being there before, is garbage.
            with gone as (
                delete from upload u where u.job = p_job and u.page_id = any (p_done) returning u.body
            )
            insert into dropped_body
            select g.body from gone g where not exists (select from blob b where b.id = g.body);
            update shard s set files = s.files + v_count where s.job = p_job and s.shard = p_shard;
        end $$;
        """#
}
