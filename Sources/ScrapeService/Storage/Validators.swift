import Crypto
import Foundation
import HTTPCore

/// In the ledger, of a page that is as it was (contract: codes of the ledger).
let notModifiedCode = "not_modified"

/// Rows deleted in one transaction.
private let eraseChunk = 10_000
/// For a settling transaction to end that holds the rows left.
private let erasePause = Duration.milliseconds(50)
/// 10 s in all: longer, and whoever deletes is told to come back.
private let maxErasePauses = 200

/// What pages said of themselves, kept for later jobs: see ``Migration/validatorFunctions``.
extension PostgresStore {
    /// Puts to each page what a former job of the same owner was told of it: one statement for all of them, and none
    /// where the job does not ask for it.
    func remember(_ pages: [QueuedPage], of lease: JobLease) async throws -> [QueuedPage] {
        let hashes = ValidatorHash(lease.spec).hashes(of: pages)
        guard !hashes.isEmpty else { return pages }
        let result = try await query(
            """
            select v.hash, v.etag, v.last_modified, v.link_bytes from validator v join job j on j.key = v.job
            where v.owner = (select o.owner from job o where o.key = $1) and v.hash = any ($2)
                and j.deleted_at is null
            """, [.int(lease.key), .uuids(Array(hashes.values))])
        let known: [UUID: (validators: PageValidators, linkBytes: Int)] = try Self.read {
            try result.rows.reduce(into: [:]) { known, row in
                var row = row
                let hash: UUID = try row.next()
                let validators = PageValidators(
                    etag: try row.nextOptional(), lastModified: try row.nextOptional())
                known[hash] = (validators, try row.next())
            }
        }
        guard !known.isEmpty else { return pages }
        return pages.map { page in
            var page = page
            guard let row = hashes[page.id].flatMap({ known[$0] }) else { return page }
            page.validators = row.validators
            page.rememberedBytes = row.linkBytes
            return page
        }
    }

    func rememberedLinks(
        _ lease: JobLease, of pages: [QueuedPage]
    ) async throws -> @Sendable () throws -> [Int64: [DiscoveredPage]] {
        let hashes = ValidatorHash(lease.spec).hashes(of: pages)
        let asked = pages.filter { hashes[$0.id] != nil }
        guard !asked.isEmpty else { return { [:] } }
        let result = try await query(
            """
            select v.hash, v.links::text
            from unnest($2, $3) as k(hash, bytes) join validator v on v.hash = k.hash
            join job j on j.key = v.job
            where v.owner = (select o.owner from job o where o.key = $1) and v.link_bytes <= k.bytes
                and j.deleted_at is null
            """,
            [
                .int(lease.key), .uuids(asked.compactMap { hashes[$0.id] }),
                .ints(asked.map { Int64($0.rememberedBytes) }),
            ])
        return {
            try Self.read {
                let links: [UUID: [DiscoveredPage]] = try result.rows.reduce(into: [:]) { links, row in
                    var row = row
                    let hash: UUID = try row.next()
                    links[hash] = try RememberedPage.links(stored: try row.next())
                }
                return hashes.compactMapValues { links[$0] }
            }
        }
    }

    /// Forgets what a job was told; nil: what all jobs were told whose time is over. Rows that another job is just
    /// taking over are waited for where one job's are to go, and left to the next time otherwise.
    func eraseValidators(of job: JobReference?) async throws {
        var pauses = 0
        while true {
            let result = try await query(
                "select o_erased, o_left from erase_validators(nullif($1, 0), $2)",
                [.int(job?.key ?? 0), .integer(eraseChunk)])
            guard var row = result.first else { return }
            let (erased, isMore) = try Self.read { (try row.next(Int.self), try row.next(Bool.self)) }
            if !isMore { return }
            if erased > 0 { continue }
            guard pauses < maxErasePauses else {
                throw StoreError.unavailable("what a job was told is locked for long")
            }
            pauses += 1
            try await pool.loop.sleep(for: erasePause)
        }
    }
}

/// Which pages of different jobs are one: the page kind as it is defined, what is sent along, and the URL.
struct ValidatorHash {
    private let spec: JobSpec
    private let kinds: [String: [UInt8]]

    /// Nothing is remembered where `spec` does not ask for it.
    init(_ spec: JobSpec) {
        self.spec = spec
        guard spec.fetch.conditional else { kinds = [:]; return }
        let encoder = JSONEncoder()
        encoder.outputFormatting = .sortedKeys
        var kinds: [String: [UInt8]] = [:]
        for kind in spec.pages {
            // What does not encode is never remembered.
            guard let definition = try? encoder.encode(kind),
                let headers = try? encoder.encode(spec.fetch.headers)
            else { continue }
            var sha = SHA256()
            for part in [definition, headers, Data((spec.fetch.userAgent ?? "").utf8)] {
                sha.update(data: part)
                sha.update(data: [0])
            }
            kinds[kind.name] = Array(sha.finalize())
        }
        self.kinds = kinds
    }

    /// The first 16 bytes of SHA-256; nil for a page that nothing is remembered of.
    func hash(of page: QueuedPage) -> UUID? {
        guard page.request == nil, let kind = kinds[page.kind] else { return nil }
        var sha = SHA256()
        sha.update(data: kind)
        var url = page.url.text
        url.withUTF8 { sha.update(bufferPointer: UnsafeRawBufferPointer($0)) }
        return sha.finalize().withUnsafeBytes { UUID(uuid: $0.loadUnaligned(as: uuid_t.self)) }
    }

    /// By page number.
    func hashes(of pages: [QueuedPage]) -> [Int64: UUID] {
        guard !kinds.isEmpty else { return [:] }
        return pages.reduce(into: [:]) { hashes, page in
            if let hash = hash(of: page) { hashes[page.id] = hash }
        }
    }
}

/// A page's row as `record_validators` takes it.
struct RememberedPage {
    var page: Int64
    var hash: UUID
    var etag: String?
    var lastModified: String?
    var links: [Link]

    struct Link: Decodable {
        var kind: String
        var url: String
        var request: PageRequest?

        init(_ page: DiscoveredPage) {
            kind = page.kind
            url = page.url.text
            request = page.request
        }

        /// An array: most of what is stored is links, and names would be a third of them.
        init(from decoder: any Decoder) throws {
            var list = try decoder.unkeyedContainer()
            kind = try list.decode(String.self)
            url = try list.decode(String.self)
            request = list.isAtEnd ? nil : try list.decode(PageRequest.self)
        }

        func write(to writer: inout JSONWriter) {
            writer.array { list in
                list.string(kind)
                list.string(url)
                if let request { list.raw(request.stored) }
            }
        }
    }

    static func links(stored text: String) throws(PostgresError) -> [DiscoveredPage] {
        do {
            return try JSONDecoder().decode([Link].self, from: Data(text.utf8)).map {
                DiscoveredPage(kind: $0.kind, url: WebURL(canonical: $0.url), request: $0.request)
            }
        } catch {
            throw PostgresError(.misuse, "remembered links that do not decode: \(error)")
        }
    }

    /// Nil where no page of the batch is to be remembered.
    static func stored(_ batch: [PageSettlement], _ spec: JobSpec) -> String? {
        guard spec.fetch.conditional else { return nil }
        let hash = ValidatorHash(spec)
        let pages = batch.compactMap { settlement -> RememberedPage? in
            guard case .fetched(let yield) = settlement.result, let validators = yield.validators,
                let hash = hash.hash(of: settlement.page),
                // No column of Postgres takes U+0000 out of JSON: such a page is fetched whole again.
                !yield.links.contains(where: { $0.request?.body?.utf8.contains(0) == true })
            else { return nil }
            return RememberedPage(
                page: settlement.page.id, hash: hash, etag: validators.etag,
                lastModified: validators.lastModified, links: yield.links.map(Link.init))
        }
        guard !pages.isEmpty else { return nil }
        var writer = JSONWriter(capacity: 4096)
        writer.array { list in for page in pages { page.write(to: &list) } }
        return String(decoding: writer.bytes, as: UTF8.self)
    }

    private func write(to writer: inout JSONWriter) {
        writer.object { row in
            row.key("page")
            row.int(page)
            row.key("hash")
            row.string(hash.uuidString)
            if let etag {
                row.key("etag")
                row.string(etag)
            }
            if let lastModified {
                row.key("last_modified")
                row.string(lastModified)
            }
            row.key("links")
            row.array { list in for link in links { link.write(to: &list) } }
        }
    }
}
