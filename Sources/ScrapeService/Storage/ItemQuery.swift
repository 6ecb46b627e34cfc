/// The walk over a job's items. Parameters: bucket, job, shard, last number, limit.
enum ItemQuery {
    /// The page is looked up as the first one from its number on: that order is the primary key's alone, so
    /// the planner cannot take the index by status instead, which without statistics looks as good and reads
    /// every page.
    static let text = """
        select i.seq, p.url, p.kind, i.scraped_at, i.data::text
        from (
            select seq, page_shard, page_id, scraped_at, data from item
            where bucket = $1 and job = $2 and shard = $3 and seq > $4
            order by seq limit $5) i
        cross join lateral (
            select url, kind from page
            where bucket = $1 and job = $2 and shard = i.page_shard and page_id >= i.page_id
            order by page_id limit 1) p
        order by i.seq
        """
}
