extension Migration {
    /// Saved files. Bytes are pieces of a body; a body is named by exactly one row: of an upload (still being
    /// received), of a blob (content that files share), or of `dropped_body` (to be deleted). Rows change from the one
    /// to the other at once, pieces are deleted later and a few at a time.
    static let fileTables = #"""
        create sequence body_number;

        -- Every piece of a body but the last has 262144 bytes.
        create table piece (
            body bigint not null,
            n integer not null,
            content bytea not null check (octet_length(content) between 1 and 262144),
            primary key (body, n)
        );
        -- Not compressed: a part of it is read without the rest, and most files are compressed already.
        alter table piece alter column content set storage external;

        -- A body that is being received for a page of the queue. Shard and epoch are of who opened it last: only they
        -- add to it.
        create table upload (
            id bigint generated always as identity primary key,
            job bigint not null,
            page_id bigint not null,
            shard smallint not null,
            epoch bigint not null,
            body bigint not null,
            bytes bigint not null default 0,
            head json,
            unique (job, page_id)
        ) with (fillfactor = 50);
        comment on column upload.head is 'of the answer whose bytes these are; null: nothing was received';

        create table blob (
            -- Its body.
            id bigint primary key,
            sha256 bytea not null unique check (octet_length(sha256) = 32),
            bytes bigint not null
        );

        create table file (
            job bigint not null,
            -- As an item's seq: given in the settling transaction, so a shard's files appear in order.
            number bigint not null,
            page_id bigint not null,
            blob bigint not null references blob,
            final_url text not null,
            content_type text,
            disposition text,
            primary key (job, number)
        );
        create index file_blob on file (blob);

        alter table shard add column files bigint not null default 0;

        -- What is to be swept. Append-only: a row is seen when what it tells of is committed, and two that tell the
        -- same do no harm, where one for both could be taken before the second has happened.
        create table dropped_shard (
            id bigint generated always as identity primary key, job bigint not null, shard smallint not null);
        comment on table dropped_shard is 'gone with its job: its files go too';
        create table loose_blob (
            id bigint generated always as identity primary key, blob bigint not null);
        comment on table loose_blob is 'lost a file: perhaps nobody needs it any more';
        create table dropped_body (body bigint primary key);

        -- By triggers, so that no way to delete a job or a file can forget it.
        create function drop_shard_files() returns trigger
        language plpgsql as $$
        begin
            insert into dropped_shard (job, shard) values (old.job, old.shard);
            return null;
        end $$;
        create trigger shard_files after delete on shard
        for each row when (old.files > 0) execute function drop_shard_files();

        create function loosen_blobs() returns trigger
        language plpgsql as $$
        begin
            insert into loose_blob (blob) select distinct g.blob from gone g;
            return null;
        end $$;
        create trigger file_blobs after delete on file
        referencing old table as gone for each statement execute function loosen_blobs();

        create view scrape_file as
        select j.id as job, j.name, f.number as file, p.url, p.kind as page, f.content_type, b.bytes,
            encode(b.sha256, 'hex') as sha256, p.fetched_at
        from job j
        join file f on f.job = j.key
        join blob b on b.id = f.blob
        join page p on p.bucket = j.bucket and p.job = j.key and p.shard = page_home(f.page_id)
            and p.page_id = f.page_id
        where j.deleted_at is null;
        comment on view scrape_file is 'one row a saved file; its bytes are the pieces of the blob';
        """#
}
