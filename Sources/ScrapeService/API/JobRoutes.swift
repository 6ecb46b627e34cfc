import Crypto
import Foundation
import HTTPCore
import HTTPTypes

/// `/v1/jobs`: accept, list, status, cancel, delete.
struct JobRoutes: Sendable {
    /// The longest `?wait=`, seconds.
    static let maxWaitSeconds = 60
    /// A long poll looks at the store at least this often: a change made by another process sends no signal here.
    private static let pollInterval = Duration.seconds(1)
    /// And at most this often, however fast the job changes.
    private static let minPollInterval = Duration.milliseconds(100)
    static let maxIdempotencyKeyLength = 255

    let context: APIContext

    func add(to router: inout Router) {
        router.on(.post, "/v1/jobs", accept)
        router.on(.get, "/v1/jobs", list)
        router.on(.get, "/v1/jobs/{id}", status)
        router.on(.delete, "/v1/jobs/{id}", delete)
        for action in JobAction.allCases {
            router.on(.post, "/v1/jobs/{id}/\(action.rawValue)") { try await act(action, $0) }
        }
    }

    // MARK: POST /v1/jobs

    @Sendable func accept(_ request: Request) async throws -> Response {
        let owner = try context.authenticator.owner(of: request)
        try context.checkContentType(request)
        let key = try idempotencyKey(of: request)
        let body = try await request.body.collect(upTo: context.maxBodyBytes)
        let reader = JobReader(urls: context.urls, compiler: context.compiler)
        let spec = try await context.workers.run { Result { try reader.read(body) } }.get()
        let job = NewJob(
            id: .make(), owner: owner ?? "", spec: spec,
            start: StartPages(entries: spec.start, urls: context.urls),
            idempotency: key.map { .init(key: $0, fingerprint: Array(SHA256.hash(data: body))) })
        switch try await context.catalog.accept(job) {
        case .created(let snapshot):
            context.signals.workArrived()
            return accepted(snapshot)
        case .replayed(let snapshot):
            return accepted(snapshot)
        case .keyReused:
            throw Problem(
                .unprocessableContent, "idempotency_key_reused",
                "This Idempotency-Key came before with another body.")
        }
    }

    private func idempotencyKey(of request: Request) throws(Problem) -> String? {
        guard let name = HTTPField.Name("Idempotency-Key"), let key = request.headers[name] else {
            return nil
        }
        guard (1...Self.maxIdempotencyKeyLength).contains(key.utf8.count),
            key.utf8.allSatisfy({ (0x20...0x7E).contains($0) })
        else {
            throw Problem(
                .badRequest, "invalid_idempotency_key",
                "An Idempotency-Key has 1 to \(Self.maxIdempotencyKeyLength) printable ASCII characters.")
        }
        return key
    }

    private func accepted(_ job: JobSnapshot) -> Response {
        var response = answer(job, .accepted)
        response.headers[.location] = JobView.path(job.id)
        return response
    }

    private func answer(_ job: JobSnapshot, _ status: HTTPResponse.Status) -> Response {
        let view = JobView(job: job)
        var response = Response.json(status, view.bytes, headers: [.eTag: view.entityTag.description])
        if !job.state.isTerminal { response.headers[.retryAfter] = "1" }
        response.headers[.cacheControl] = "no-cache"
        return response
    }

    // MARK: GET /v1/jobs

    @Sendable func list(_ request: Request) async throws -> Response {
        let owner = try context.authenticator.owner(of: request)
        let query = try QueryReader(
            request, allowing: ["status", "name", "created_after", "limit", "cursor"])
        var filter = JobFilter()
        filter.state = try query.choice("status", JobState.self)
        filter.name = query.string("name")
        if let text = query.string("created_after") {
            guard let date = Timestamp.parse(text) else {
                throw Problem.invalidQuery("created_after", "must be an RFC 3339 time")
            }
            filter.createdAfter = date
        }
        var after: JobListPosition?
        if let text = query.string("cursor") {
            after = Cursor.listPosition(text)
            if after == nil { throw Problem.invalidQuery("cursor", "is none of this service's") }
        }
        let limit = try query.limit()
        let found = try await context.catalog.jobs(filter, owner: owner, after: after, limit: limit + 1)
        let jobs = Array(found.prefix(limit))
        let next =
            found.count > limit
            ? jobs.last.map { query.link("/v1/jobs", cursor: Cursor.text(JobListPosition(id: $0.id))) } : nil
        return Paged.response(next: next) { list in
            for job in jobs { JobView(job: job).write(to: &list) }
        }
    }

    // MARK: GET /v1/jobs/{id}

    @Sendable func status(_ request: Request) async throws -> Response {
        let query = try QueryReader(request, allowing: ["wait"])
        let wait = try query.int("wait", in: 0...Self.maxWaitSeconds) ?? 0
        let known = request.headers[.ifNoneMatch].map(EntityTagList.init)
        let job = try await context.job(of: request)
        if wait == 0 || job.state.isTerminal || isNews(job, known) { return answer(job, unless: known) }
        let deadline = ContinuousClock.now + .seconds(wait)
        return try await context.signals.watching(job.id, loop: context.loop) { signal in
            while true {
                let job = try await context.job(of: request)
                let left = deadline - .now
                if job.state.isTerminal || isNews(job, known) || left <= .zero {
                    return answer(job, unless: known)
                }
                try await context.loop.sleep(for: min(Self.minPollInterval, left))
                await signal.wait(atMost: max(.zero, min(Self.pollInterval, deadline - .now)))
                try Task.checkCancellation()
            }
        }
    }

    private func isNews(_ job: JobSnapshot, _ known: EntityTagList?) -> Bool {
        known.map { !$0.containsWeakly(JobView(job: job).entityTag) } ?? false
    }

    private func answer(_ job: JobSnapshot, unless known: EntityTagList?) -> Response {
        let full = answer(job, .ok)
        guard known != nil, !isNews(job, known) else { return full }
        return full.notModified
    }

    // MARK: POST cancel, pause, resume, retry-failed; DELETE

    private func act(_ action: JobAction, _ request: Request) async throws -> Response {
        let owner = try context.authenticator.owner(of: request)
        let id = try context.jobID(of: request)
        switch try await context.catalog.act(action, on: id, owner: owner) {
        case .accepted(let job):
            context.signals.workArrived()
            context.signals.changed(id)
            return answer(job, .accepted)
        case .notFound:
            throw Problem.jobNotFound
        case .forbidden(let job):
            throw Self.wrongState(action, job)
        }
    }

    private static func wrongState(_ action: JobAction, _ job: JobSnapshot) -> Problem {
        let state = job.state.rawValue
        switch action {
        case .cancel:
            return Problem(.conflict, "job_is_over", "The job is \(state) already; it cannot be cancelled.")
        case .pause:
            let code = job.state.isTerminal ? "job_is_over" : "job_is_ending"
            return Problem(.conflict, code, "The job is \(state) and cannot be paused.")
        case .resume:
            return Problem(.conflict, "job_not_paused", "The job is \(state); only a paused one is resumed.")
        case .retryFailed:
            return Problem(
                .conflict, "job_not_terminal",
                "The job is \(state): its failed pages can be tried again once it is over.")
        }
    }

    @Sendable func delete(_ request: Request) async throws -> Response {
        let owner = try context.authenticator.owner(of: request)
        let id = try context.jobID(of: request)
        switch try await context.catalog.delete(id, owner: owner) {
        case .deleted: return Response(status: .noContent)
        case .notFound: throw Problem.jobNotFound
        case .notTerminal:
            throw Problem(
                .conflict, "job_not_terminal",
                "The job is not over: cancel it first (POST \(JobView.path(id))/cancel).")
        }
    }
}
