import HTTPCore
import HTTPTypes

/// `/v1/jobs/{id}/files`: the bodies a job saved, and the bytes of each.
struct FileRoutes: Sendable {
    /// What came without a type that can be sent on.
    private static let unknownType = "application/octet-stream"
    /// Of a Content-Type that is sent on; real ones are below 100.
    private static let maxTypeLength = 255

    let context: APIContext

    func add(to router: inout Router) {
        router.on(.get, "/v1/jobs/{id}/files", list)
        router.on(.get, "/v1/jobs/{id}/files/{file_id}", content)
    }

    @Sendable func list(_ request: Request) async throws -> Response {
        let query = try QueryReader(request, allowing: ["limit", "cursor"])
        let job = try await context.job(of: request)
        let slice = try await context.files.files(
            of: job.id, after: try query.position(), limit: try query.limit())
        let path = JobView.path(job.id) + "/files"
        let next = slice.hasMore ? query.link(path, cursor: Cursor.text(slice.position)) : nil
        return Paged.response(next: next) { list in
            for entry in slice.elements { Self.write(entry, path: path, to: &list) }
        }
    }

    private static func write(_ entry: FileEntry, path: String, to writer: inout JSONWriter) {
        writer.object { row in
            row.key("id")
            row.int(entry.id)
            row.key("url")
            row.string(entry.url)
            row.key("page")
            row.string(entry.kind)
            row.key("name")
            row.string(FileName(url: entry.finalURL, disposition: entry.disposition).text)
            row.key("content_type")
            row.string(optional: entry.contentType)
            row.key("bytes")
            row.int(entry.bytes)
            row.key("sha256")
            row.string(entry.sha256.hex)
            row.key("fetched_at")
            row.date(entry.fetchedAt)
            row.key("links")
            row.object { links in
                links.key("self")
                links.string("\(path)/\(entry.id)")
            }
        }
    }

    /// The bytes are a stranger's: whatever they are, a browser is to keep them, not to show them, and neither to guess
    /// their type nor to run them as a part of this origin.
    @Sendable func content(_ request: Request) async throws -> Response {
        _ = try QueryReader(request, allowing: [])
        let job = try await context.job(of: request)
        guard let number = Int64(request.parameters["file_id"] ?? ""),
            let (entry, content) = try await context.files.file(number, of: job.id)
        else { throw Problem(.notFound, "file_not_found", "The job has no such file.") }
        let name = FileName(url: entry.finalURL, disposition: entry.disposition)
        let headers: HTTPFields = [
            .contentType: Self.contentType(entry), .contentDisposition: name.attachment,
            .xContentTypeOptions: "nosniff", .contentSecurityPolicy: "sandbox",
        ]
        let bytes = SavedBytes(catalog: context.files, content: content, length: Int(entry.bytes))
        let validators = Validators(entityTag: EntityTag(entry.sha256.hex))
        return try Representation(bytes, validators: validators, headers: headers).response(to: request)
    }

    /// As the answer said, if it can stand in a field.
    private static func contentType(_ entry: FileEntry) -> String {
        guard let type = entry.contentType, type.utf8.count <= maxTypeLength, type.contains("/"),
            type.utf8.allSatisfy({ (0x20...0x7E).contains($0) })
        else { return unknownType }
        return type
    }
}

/// A saved file's bytes, read from the store while they are sent: what a slow client has not taken is not read.
private struct SavedBytes: ByteSource {
    let catalog: any FileCatalog
    let content: FileContent
    let length: Int

    func read(at offset: Int, maxBytes: Int) async throws -> [UInt8] {
        guard let bytes = try await catalog.bytes(of: content, at: Int64(offset), maxBytes: maxBytes) else {
            throw ByteSourceFault()
        }
        return bytes
    }
}

extension [UInt8] {
    /// In lower case.
    fileprivate var hex: String {
        let digits = Array("0123456789abcdef".utf8)
        return String(decoding: flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
    }
}
