import Foundation

@testable import ScrapeService

extension SavedFile {
    /// `content` received whole, with a hash that is its own (not SHA-256, which the store takes as it is told).
    static func whole(_ content: [UInt8], type: String? = "text/plain", name: String? = nil) -> SavedFile {
        SavedFile(
            head: .make(type: type, disposition: name.map { "attachment; filename=\"\($0)\"" }),
            bytes: Int64(content.count), sha256: content.digest, content: .whole(content))
    }

    static func whole(_ text: String) -> SavedFile { whole(Array(text.utf8)) }

    /// `content`, all of which was appended to an upload.
    static func uploaded(_ content: [UInt8], _ id: Int64) -> SavedFile {
        SavedFile(
            head: .make(), bytes: Int64(content.count), sha256: content.digest, content: .upload(id))
    }
}

extension FileHead {
    static func make(type: String? = nil, etag: String? = "\"1\"", disposition: String? = nil) -> FileHead {
        FileHead(
            status: 200, finalURL: "http://site.test/final/name.txt", contentType: type, etag: etag,
            disposition: disposition, isEncoded: false)
    }
}

extension [UInt8] {
    /// 32 bytes that tell contents of a test apart.
    var digest: [UInt8] {
        var words: [UInt64] = [1, 2, 3, 4]
        for (index, byte) in enumerated() {
            words[index % 4] = (words[index % 4] ^ UInt64(byte)) &* 0x100_0000_01B3 &+ UInt64(index)
        }
        return words.flatMap { word in (0..<8).map { UInt8(truncatingIfNeeded: word >> ($0 * 8)) } }
    }

    /// Bytes that differ from piece to piece.
    static func pattern(_ count: Int, seed: UInt8 = 0) -> [UInt8] {
        (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ $0 >> 8) &+ seed }
    }
}

extension PageSettlement {
    static func saved(_ page: QueuedPage, _ file: SavedFile) -> PageSettlement {
        PageSettlement(
            page: page, result: .fetched(PageYield(file: file)), httpStatus: 200, bytes: Int(file.bytes),
            seconds: 0.1)
    }
}

extension StoreFixture {
    /// The shard's first pages.
    func pages(_ lease: JobLease, _ count: Int = 100) async throws -> [QueuedPage] {
        try await store.frontier(lease, after: 0, limit: count)
    }

    func settle(_ lease: JobLease, _ batch: PageSettlement...) async throws {
        guard try await store.settle(lease, batch, gauges: JobGauges()).leaseHeld else {
            throw NothingClaimed()
        }
    }

    /// A job of one page whose body was saved, and that is over.
    func makeJob(saving content: [UInt8]) async throws -> JobLease {
        let lease = try await makeLease()
        let page = try await pages(lease)[0]
        let isShort = content.count <= FilePieces.bytes
        let file =
            isShort ? .whole(content) : SavedFile.uploaded(content, try await upload(content, lease, page))
        try await settle(lease, .saved(page, file))
        guard try await store.finish(lease, JobEnd(reason: .finished)) else { throw NothingClaimed() }
        return lease
    }

    /// Opens an upload and appends `content` in pieces.
    func upload(_ content: [UInt8], _ lease: JobLease, _ page: QueuedPage) async throws -> Int64 {
        guard let upload = try await store.openUpload(lease, page: page.id),
            try await store.restartUpload(lease, upload.id, head: .make())
        else { throw NothingClaimed() }
        for offset in stride(from: 0, to: content.count, by: FilePieces.bytes) {
            let piece = Array(content[offset..<min(content.count, offset + FilePieces.bytes)])
            guard try await store.append(lease, to: upload.id, at: Int64(offset), piece) else {
                throw NothingClaimed()
            }
        }
        return upload.id
    }

    func files(_ lease: JobLease) async throws -> [FileEntry] {
        try await store.files(of: lease.job, after: Position(), limit: 1000).elements
    }

    /// All bytes of a file, read in pieces of an odd size.
    func content(_ entry: FileEntry, of lease: JobLease) async throws -> [UInt8]? {
        guard let (_, place) = try await store.file(entry.id, of: lease.job) else { return nil }
        var bytes: [UInt8] = []
        while bytes.count < entry.bytes {
            let read = try await store.bytes(of: place, at: Int64(bytes.count), maxBytes: 100_001)
            guard let read, !read.isEmpty else { return nil }
            bytes += read
        }
        return bytes
    }

    func sweepAll() async throws { while try await store.sweepFiles() {} }

    /// Rows of the tables that hold bytes and what is to be done with them.
    func leftovers() async throws -> [String: Int] {
        var rows: [String: Int] = [:]
        for table in ["piece", "blob", "upload", "file", "dropped_body", "dropped_shard", "loose_blob"] {
            let count = try await number("select count(*) from \(table)")
            if count > 0 { rows[table] = count }
        }
        return rows
    }
}
