extension Migration {
    /// What a status warns of, counted in the transaction that writes the ledger's rows. By a trigger, so that no
    /// way to settle a page can forget it; its condition costs a page that was not skipped for this one comparison.
    static let warnings = #"""
        create table warning_count (
            job bigint not null,
            shard smallint not null,
            code text not null,
            n bigint not null,
            primary key (job, shard, code),
            foreign key (job, shard) references shard (job, shard) on delete cascade
        ) with (fillfactor = 50);
        comment on table warning_count is 'pages of a shard by what a status warns of';

        create function count_warning() returns trigger
        language plpgsql as $$
        begin
            insert into warning_count as w (job, shard, code, n) values (new.job, new.shard, new.error, 1)
            on conflict (job, shard, code) do update set n = w.n + 1;
            return null;
        end $$;

        create trigger page_warning after insert on page
        for each row when (new.error = 'robots') execute function count_warning();
        """#
}
