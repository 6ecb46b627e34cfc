import HTTPCore
import HTTPTypes

/// `/v1/jobs/{id}/results` and `/pages`: what a job yielded, and what became of each URL.
struct ResultRoutes: Sendable {

    private enum Format: String, CaseIterable {
        case json, ndjson, csv
    }

    let context: APIContext

    func add(to router: inout Router) {
        router.on(.get, "/v1/jobs/{id}/results", results)
        router.on(.get, "/v1/jobs/{id}/pages", pages)
    }

    @Sendable func results(_ request: Request) async throws -> Response {
        let query = try QueryReader(request, allowing: ["format", "fields", "limit", "cursor"])
        // The state is read before the items: whatever a terminal job has, this read sees.
        let job = try await context.job(of: request)
        guard let spec = try await context.catalog.spec(of: job.id, owner: nil) else {
            throw Problem.jobNotFound
        }
        let fields = try chosenFields(query, spec)
        switch try query.choice("format", Format.self) ?? accepted(request) {
        case .json: return try await page(job, query, ItemView(fields: fields))
        case .ndjson:
            return try stream(
                job, query, type: "application/x-ndjson", NDJSON(view: ItemView(fields: fields)))
        case .csv:
            let csv = CSV(view: ItemView(fields: fields), columns: fields ?? spec.fieldNames)
            return try stream(job, query, type: "text/csv; charset=utf-8; header=present", csv)
        }
    }

    /// `Accept` decides where `format` does not (RFC 9110 §12.5.1): the first form named there that we have.
    private func accepted(_ request: Request) -> Format {
        for range in (request.headers[.accept] ?? "").split(separator: ",") {
            let type = range.prefix { $0 != ";" }.filter { $0 != " " }.lowercased()
            switch type {
            case "application/json", "*/*", "application/*": return .json
            case "application/x-ndjson", "application/jsonl", "application/x-jsonlines": return .ndjson
            case "text/csv": return .csv
            default: continue
            }
        }
        return .json
    }

    private func chosenFields(_ query: QueryReader, _ spec: JobSpec) throws -> [String]? {
        guard let fields = query.list("fields") else { return nil }
        let known = Set(spec.fieldNames)
        for field in fields where !known.contains(field) {
            throw Problem.invalidQuery("fields", "the job has no field \(field)")
        }
        return fields
    }

    // MARK: One page of JSON

    private func page(_ job: JobSnapshot, _ query: QueryReader, _ view: ItemView) async throws -> Response {
        let after = try query.position()
        let slice = try await context.catalog.items(of: job.id, after: after, limit: try query.limit())
        let path = JobView.path(job.id) + "/results"
        let here = query.link(path, cursor: Cursor.text(slice.position))
        let (next, resume) = (slice.hasMore ? here : nil, job.state.isTerminal ? nil : here)
        return await context.workers.run {
            Paged.response(next: next, resume: resume) { list in
                for item in slice.elements { view.write(item, to: &list) }
            }
        }
    }

    // MARK: The whole set, streamed

    private func stream(
        _ job: JobSnapshot, _ query: QueryReader, type: String, _ form: some StreamForm
    ) throws -> Response {
        let start = try query.position()
        let rest = query.string("limit") == nil ? Int.max : try query.limit()
        let (catalog, workers) = (context.catalog, context.workers)
        let body = ResponseBody.stream(length: nil) { writer in
            try await writer.write(form.head)
            var position = start
            var left = rest
            var chunk = ChunkSize()
            while left > 0 {
                let slice = try await catalog.items(
                    of: job.id, after: position, limit: min(chunk.items, left))
                let items = slice.elements
                chunk.learn(from: items)
                if !items.isEmpty { try await writer.write(await workers.run { form.bytes(items) }) }
                position = slice.position
                left -= items.count
                if !slice.hasMore { break }
            }
        }
        return Response(status: .ok, headers: [.contentType: type], body: body)
    }

    // MARK: The ledger

    @Sendable func pages(_ request: Request) async throws -> Response {
        let query = try QueryReader(request, allowing: ["status", "code", "limit", "cursor"])
        let job = try await context.job(of: request)
        let filter = LedgerFilter(
            status: try query.choice("status", PageStatus.self), code: query.string("code"))
        if filter.code != nil, filter.status == .queued || filter.status == .fetched {
            throw Problem.invalidQuery("code", "only failed and skipped pages have one")
        }
        let slice = try await context.catalog.pages(
            of: job.id, filter, after: try query.position(), limit: try query.limit())
        let path = JobView.path(job.id) + "/pages"
        let next = slice.hasMore ? query.link(path, cursor: Cursor.text(slice.position)) : nil
        return Paged.response(next: next) { list in
            for entry in slice.elements { write(entry, to: &list) }
        }
    }

    private func write(_ entry: LedgerEntry, to writer: inout JSONWriter) {
        writer.object { row in
            row.key("url")
            row.string(entry.url)
            row.key("page")
            row.string(entry.kind)
            row.key("status")
            row.string(entry.status.rawValue)
            row.key("attempts")
            row.int(entry.attempts)
            row.key("http_status")
            row.int(optional: entry.httpStatus)
            row.key("error")
            row.string(optional: entry.error)
            row.key("bytes")
            row.int(optional: entry.bytes)
            row.key("seconds")
            if let seconds = entry.seconds { row.number(seconds) } else { row.null() }
            row.key("fetched_at")
            row.date(entry.fetchedAt)
            row.key("encoding")
            row.string(optional: entry.encoding)
            row.key("detail")
            row.string(optional: entry.detail)
        }
    }
}

/// How a streamed set of items is written.
private protocol StreamForm: Sendable {
    var head: [UInt8] { get }
    func bytes(_ items: [Item]) -> [UInt8]
}

private struct NDJSON: StreamForm {
    let view: ItemView
    var head: [UInt8] { [] }

    func bytes(_ items: [Item]) -> [UInt8] {
        var bytes: [UInt8] = []
        for item in items {
            var writer = JSONWriter(capacity: 512)
            view.write(item, to: &writer)
            bytes.append(contentsOf: writer.bytes)
            bytes.append(0x0A)
        }
        return bytes
    }
}

private struct CSV: StreamForm {
    let view: ItemView
    let columns: [String]

    var head: [UInt8] {
        var writer = CSVWriter()
        writer.row(view.header(columns))
        return writer.bytes
    }

    func bytes(_ items: [Item]) -> [UInt8] {
        var writer = CSVWriter()
        for item in items { writer.row(view.row(item, columns)) }
        return writer.bytes
    }
}
