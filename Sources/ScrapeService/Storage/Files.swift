import Foundation

/// Rows swept in one transaction.
private let sweptRows = 1000
/// Pieces deleted in one transaction: 64 MiB at most, some 50 ms.
private let sweptPieces = 256

extension PostgresStore: FileStore {
    func unfinished(_ lease: JobLease) async throws -> [Int64] {
        // A page that was given to this shard brings its upload along.
        let result = try await query(
            """
            select u.page_id from upload u
            join queue q on q.job = u.job and q.shard = $2 and q.page_id = u.page_id
            where u.job = $1 and u.bytes > 0
            """, [.int(lease.key), .smallInt(lease.shard)])
        return try Self.read {
            try result.rows.map { row in
                var row = row
                return try row.next()
            }
        }
    }

    func openUpload(_ lease: JobLease, page: Int64) async throws -> FileUpload? {
        let result = try await query(
            "select o_id, o_bytes, o_head from open_upload($1, $2, $3, $4)",
            PostgresArguments(lease.values + [.int(page)]))
        guard var row = result.first else { return nil }
        let (id, bytes, head) = try Self.read {
            (try row.next(Int64.self), try row.next(Int64.self), try row.nextOptional(String.self))
        }
        return FileUpload(id: id, bytes: bytes, head: try head.map { try FileHead(stored: $0) })
    }

    func restartUpload(_ lease: JobLease, _ id: Int64, head: FileHead) async throws -> Bool {
        try await isDone(
            "select restart_upload($1, $2, $3, $4, $5)",
            PostgresArguments(lease.values + [.int(id), .json(try head.stored)]))
    }

    func append(
        _ lease: JobLease, to id: Int64, at offset: Int64, _ bytes: [UInt8]
    ) async throws -> Bool {
        // Encoded here, on the caller's thread: the event loop gets one buffer.
        try await isDone(
            "select append_piece($1, $2, $3, $4, $5, $6)",
            PostgresArguments(lease.values + [.int(id), .int(offset), .bytes(bytes)]))
    }

    func piece(of id: Int64, at offset: Int64) async throws -> [UInt8]? {
        let result = try await query(
            """
            select p.content from upload u join piece p on p.body = u.body
            where u.id = $1 and p.n = $2
            """, [.int(id), .integer(FilePieces.number(at: offset))])
        guard var row = result.first else { return nil }
        return try Self.read { try row.next() }
    }

    private func isDone(_ sql: String, _ arguments: PostgresArguments) async throws -> Bool {
        let result = try await query(sql, arguments)
        guard var row = result.first else { return false }
        return try Self.read { try row.next() }
    }

    /// Deletes some of what belongs to no job any more. Returns whether there may be more.
    func sweepFiles() async throws -> Bool {
        let result = try await query(
            "select sweep_files($1, $2)", [.integer(sweptRows), .integer(sweptPieces)])
        guard var row = result.first else { return false }
        return try Self.read { try row.next(Int64.self) } > 0
    }
}

extension PostgresStore: FileCatalog {
    private static let columns = """
        f.number, p.url, f.final_url, p.kind, f.content_type, f.disposition, b.bytes, b.sha256, p.fetched_at
        """
    /// The page is looked up as in ``ItemQuery``, for the same reason.
    private static let page = """
        cross join lateral (
            select url, kind, fetched_at from page
            where bucket = $1 and job = $2 and shard = page_home(f.page_id) and page_id >= f.page_id
            order by page_id limit 1) p
        """

    func files(of id: JobID, after: Position, limit: Int) async throws -> Slice<FileEntry> {
        try await walk(id, after: after, limit: limit) { job, shard, last, count in
            let result = try await self.query(
                """
                select \(Self.columns)
                from (
                    select * from file
                    where job = $2 and number > greatest($4, first_number($3))
                        and number < first_number($3 + 1::smallint)
                    order by number limit $5) f
                join blob b on b.id = f.blob \(Self.page)
                order by f.number
                """,
                [.date(job.bucket.days), .int(job.key), .smallInt(shard), .int(last), .int(count)])
            return try Self.read {
                try result.rows.map { row in
                    var row = row
                    let entry = try FileEntry(&row)
                    return (entry.id, entry)
                }
            }
        }
    }

    func file(_ file: Int64, of id: JobID) async throws -> (entry: FileEntry, content: FileContent)? {
        guard let job = try await reference(of: id) else { return nil }
        let result = try await query(
            """
            select \(Self.columns), b.id
            from (select * from file where job = $2 and number = $3) f
            join blob b on b.id = f.blob \(Self.page)
            """, [.date(job.bucket.days), .int(job.key), .int(file)])
        guard var row = result.first else { return nil }
        return try Self.read { (try FileEntry(&row), FileContent(blob: try row.next())) }
    }

    func bytes(of content: FileContent, at offset: Int64, maxBytes: Int) async throws -> [UInt8]? {
        let result = try await query(
            "select substring(content from $3 for $4) from piece where body = $1 and n = $2",
            [
                .int(content.blob), .integer(FilePieces.number(at: offset)),
                .integer(Int(offset % Int64(FilePieces.bytes)) + 1), .integer(maxBytes),
            ])
        guard var row = result.first else { return nil }
        return try Self.read { try row.next() }
    }
}

extension FilePieces {
    /// Which piece a byte is in.
    fileprivate static func number(at offset: Int64) -> Int { Int(offset / Int64(bytes)) }
}

extension FileHead {
    fileprivate var stored: String {
        get throws { String(decoding: try JSONEncoder().encode(self), as: UTF8.self) }
    }

    fileprivate init(stored json: String) throws {
        do {
            self = try JSONDecoder().decode(FileHead.self, from: Data(json.utf8))
        } catch {
            throw StoreError.failed("the head of an upload does not decode: \(error)")
        }
    }
}

extension FileEntry {
    fileprivate init(_ row: inout PostgresRow) throws(PostgresError) {
        self.init(
            id: try row.next(), url: try row.next(), finalURL: try row.next(), kind: try row.next(),
            contentType: try row.nextOptional(), disposition: try row.nextOptional(), bytes: try row.next(),
            sha256: try row.next(), fetchedAt: try row.next())
    }
}

/// Files of a batch, the way `settle_batch` takes them: what is said of them as JSON, bytes apart, for as base64
/// inside the JSON they cost three times as much of the server's time.
struct SettledFiles {
    private var writer = JSONWriter()
    private var isEmpty = true
    private(set) var bodies: [[UInt8]] = []

    mutating func append(_ file: SavedFile, of page: Int64) {
        isEmpty = false
        writer.object { row in
            row.key("page")
            row.int(page)
            row.key("sha256")
            row.string(Self.hex(file.sha256))
            row.key("bytes")
            row.int(file.bytes)
            row.key("final_url")
            row.string(Self.text(file.head.finalURL))
            for (name, value) in [
                ("content_type", file.head.contentType), ("disposition", file.head.disposition),
            ] {
                guard let value else { continue }
                row.key(name)
                row.string(Self.text(value))
            }
            switch file.content {
            case .upload(let id):
                row.key("upload")
                row.int(id)
            case .whole(let bytes):
                bodies.append(bytes)
                row.key("body")
                row.int(bodies.count)
            }
        }
    }

    /// Nil: none.
    var json: String? { isEmpty ? nil : "[" + String(decoding: writer.bytes, as: UTF8.self) + "]" }

    /// Postgres makes text of it, which has no NUL.
    private static func text(_ text: String) -> String { text.replacing("\0", with: "\u{FFFD}") }

    private static func hex(_ bytes: [UInt8]) -> String {
        let digits = Array("0123456789abcdef".utf8)
        return String(
            decoding: bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
    }
}
