import Crypto
import Foundation

/// Start pages in one statement: large enough to cost little each, small enough to stay far below the
/// time-out.
private let startChunk = 1000

extension PostgresStore {
    func accept(_ job: NewJob) async throws -> Acceptance {
        let spec = try encode(job.spec)
        let decision = try await perform { connection in
            try await connection.transaction { try await Self.insert(job, spec: spec, $0) }
        }
        switch decision {
        case .keyReused: return .keyReused
        case .accepted(let id, let isReplay):
            guard let snapshot = try await snapshot(of: id, owner: job.owner) else {
                throw StoreError.failed("job \(id) was deleted as soon as it was accepted")
            }
            return isReplay ? .replayed(snapshot) : .created(snapshot)
        }
    }

    private enum Decision: Sendable {
        case accepted(JobID, isReplay: Bool)
        case keyReused
    }

    private func encode(_ spec: JobSpec) throws -> String {
        do {
            return String(decoding: try JSONEncoder().encode(spec), as: UTF8.self)
        } catch {
            throw StoreError.failed("the job does not encode: \(error)")
        }
    }

    private static func insert(
        _ job: NewJob, spec: String, _ connection: PostgresConnection
    ) async throws -> Decision {
        // The id is the caller's, so a commit whose answer was lost is found again here.
        let inserted = try await connection.query(
            """
            insert into job (id, owner, name, spec) values ($1, $2, $3, $4)
            on conflict (id) do nothing returning key, bucket
            """, [.uuid(job.id.uuid), .text(job.owner), .text(job.spec.name), .json(spec)])
        guard var row = inserted.first else { return .accepted(job.id, isReplay: false) }
        let reference = JobReference(key: try row.next(), bucket: try row.next())
        if let key = job.idempotency, let former = try await claimKey(key, job, reference, connection) {
            _ = try await connection.query("delete from job where key = $1", [.int(reference.key)])
            return former
        }
        _ = try await connection.query(
            "insert into shard (job, shard, bucket) values ($1, 0, $2)",
            [.int(reference.key), .date(reference.bucket.days)])
        if let webhook = job.spec.webhook { try await insert(webhook, of: reference, connection) }
        let discovered = try await enqueue(job.start, reference, connection)
        _ = try await connection.query(
            """
            update shard set discovered = $2, next_page_id = next_page_id + $2, version = version + 1
            where job = $1 and shard = 0
            """, [.int(reference.key), .int(discovered)])
        _ = try await connection.query("select pg_notify($1, '')", [.text(wakeChannel)])
        return .accepted(job.id, isReplay: false)
    }

    /// Takes the key for this job; waits for a rival transaction with the same key. Nil: it is ours.
    private static func claimKey(
        _ key: NewJob.Idempotency, _ job: NewJob, _ reference: JobReference, _ connection: PostgresConnection
    ) async throws -> Decision? {
        let taken = try await connection.query(
            """
            insert into idempotency (owner, key, fingerprint, job) values ($1, $2, $3, $4)
            on conflict (owner, key) do nothing
            """, [.text(job.owner), .text(key.key), .bytes(key.fingerprint), .int(reference.key)])
        if taken.affected == 1 { return nil }
        let former = try await connection.query(
            """
            select i.fingerprint, j.id from idempotency i join job j on j.key = i.job
            where i.owner = $1 and i.key = $2
            """, [.text(job.owner), .text(key.key)])
        guard var row = former.first else {
            // Deleted between the two statements: a moment later the key is free.
            throw PostgresError(.statement, sqlState: "40001", "the key's job was being deleted")
        }
        let fingerprint: [UInt8] = try row.next()
        guard fingerprint == key.fingerprint else { return .keyReused }
        return .accepted(JobID(uuid: try row.next()), isReplay: true)
    }

    /// Streams the start pages into the queue, each once. Returns how many there are.
    private static func enqueue(
        _ start: StartPages, _ reference: JobReference, _ connection: PostgresConnection
    ) async throws -> Int64 {
        var discovered: Int64 = 0
        var chunk = FoundPages()
        func flush() async throws {
            guard !chunk.isEmpty else { return }
            let result = try await connection.query(
                "select enqueue_pages($1, $2, 0::smallint, $3, $4, $5, $6, $7, $8)",
                [
                    .date(reference.bucket.days), .int(reference.key), .int(discovered + 1),
                    .uuids(chunk.hashes), .texts(chunk.kinds), .texts(chunk.urls), .int4s(chunk.depths),
                    .texts(chunk.requests),
                ])
            guard var row = result.first else { return }
            discovered += try row.next(Int64.self)
            chunk = FoundPages()
        }
        for page in start {
            chunk.append(page, depth: 0, from: 0)
            if chunk.count == startChunk { try await flush() }
        }
        try await flush()
        return discovered
    }
}

/// Pages found together, each request of a kind once, in order of discovery; as columns, the way statements take
/// them.
struct FoundPages: Sendable {
    private(set) var hashes: [UUID] = []
    private(set) var kinds: [String?] = []
    private(set) var urls: [String?] = []
    private(set) var depths: [Int?] = []
    private(set) var requests: [String?] = []
    /// The page each was found on.
    private(set) var sources: [Int64] = []
    private var index: [UUID: Int] = [:]

    var count: Int { hashes.count }
    var isEmpty: Bool { hashes.isEmpty }

    /// Found again nearer to a start page, a page keeps its place and takes the smaller depth.
    mutating func append(_ page: DiscoveredPage, depth: Int, from source: Int64) {
        let request = page.request?.stored
        let hash = Self.hash(page, request)
        if let known = index[hash] {
            if let former = depths[known], depth < former { depths[known] = depth }
            return
        }
        index[hash] = hashes.count
        hashes.append(hash)
        kinds.append(page.kind)
        urls.append(page.url.text)
        depths.append(depth)
        requests.append(request)
        sources.append(source)
    }

    /// The first 16 bytes of SHA-256 of kind, NUL, URL, and where it is no plain GET, NUL and the request as it is
    /// stored.
    private static func hash(_ page: DiscoveredPage, _ request: String?) -> UUID {
        var sha = SHA256()
        for text in [page.kind, "\0", page.url.text] + (request.map { ["\0", $0] } ?? []) {
            var text = text
            text.withUTF8 { sha.update(bufferPointer: UnsafeRawBufferPointer($0)) }
        }
        return sha.finalize().withUnsafeBytes { UUID(uuid: $0.loadUnaligned(as: uuid_t.self)) }
    }
}
