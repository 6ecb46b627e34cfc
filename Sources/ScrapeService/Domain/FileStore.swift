import Foundation

/// What the head of the answer said of a saved body.
struct FileHead: Hashable, Sendable, Codable {
    var status: Int
    var finalURL: String
    var contentType: String?
    var etag: String?
    var lastModified: String?
    var disposition: String?
    /// The answer had a Content-Encoding: its stored bytes are decoded ones, so a `Range` cannot go on from them.
    var isEncoded: Bool
}

/// A body on its way into the store. It belongs to a page of the frontier and outlives the process that fetches it.
struct FileUpload: Sendable {
    var id: Int64
    /// Stored by earlier attempts.
    var bytes: Int64
    /// Nil: nothing was received.
    var head: FileHead?
}

/// A body received whole, saved by the transaction that settles its page.
struct SavedFile: Sendable {
    enum Content: Sendable {
        /// At most one piece (``FilePieces/bytes``).
        case whole([UInt8])
        /// All of it was appended to this upload.
        case upload(Int64)
    }

    var head: FileHead
    var bytes: Int64
    var sha256: [UInt8]
    var content: Content
}

enum FilePieces {
    /// Every piece but the last has exactly this size.
    static let bytes = 256 << 10
}

/// Where bodies go while they are fetched. Throws ``StoreError`` only; nil or false: the lease is lost.
protocol FileStore: Sendable {
    /// Queued pages of the lease's shard for which an earlier attempt has left an upload with something in it.
    func unfinished(_ lease: JobLease) async throws -> [Int64]
    /// The upload of a page of the lease's shard: the one an earlier attempt has left, or a new one.
    func openUpload(_ lease: JobLease, page: Int64) async throws -> FileUpload?
    /// Begins again: forgets the pieces received so far and keeps what the new answer's head says.
    func restartUpload(_ lease: JobLease, _ id: Int64, head: FileHead) async throws -> Bool
    /// Stores one piece. `offset` is a multiple of ``FilePieces/bytes`` and not behind a gap. Sending it twice
    /// changes nothing.
    func append(_ lease: JobLease, to id: Int64, at offset: Int64, _ bytes: [UInt8]) async throws -> Bool
    /// The piece that begins at `offset`, to hash it again after a resume.
    func piece(of id: Int64, at offset: Int64) async throws -> [UInt8]?
}

/// A saved file as a job lists it.
struct FileEntry: Sendable {
    /// Unique in the job; within a shard in the order of settling.
    var id: Int64
    var url: String
    /// After redirects.
    var finalURL: String
    var kind: String
    var contentType: String?
    /// Content-Disposition of the answer, as it came.
    var disposition: String?
    var bytes: Int64
    var sha256: [UInt8]
    var fetchedAt: Date
}

/// Where the bytes of a saved file lie; good as long as the file is not deleted.
struct FileContent: Hashable, Sendable {
    var blob: Int64
}

/// What the API asks of saved files. Throws ``StoreError`` only. Ownership is checked before.
protocol FileCatalog: Sendable {
    /// In the order of settling.
    func files(of id: JobID, after: Position, limit: Int) async throws -> Slice<FileEntry>
    func file(_ file: Int64, of id: JobID) async throws -> (entry: FileEntry, content: FileContent)?
    /// At least one and at most `maxBytes` of the bytes from `offset` on, which is within the content. Nil: the file
    /// was deleted meanwhile.
    func bytes(of content: FileContent, at offset: Int64, maxBytes: Int) async throws -> [UInt8]?
}
