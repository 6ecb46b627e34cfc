import HTTPCore
import HTTPTypes

/// `POST /v1/jobs/preview`: what a job would take of one page of each kind; no job is made.
struct PreviewRoutes: Sendable {
    /// Seconds after which a preview that found no room is tried again: most take less.
    static let retryAfterSeconds = 2

    let context: APIContext

    func add(to router: inout Router) {
        router.on(.post, "/v1/jobs/preview", preview)
    }

    @Sendable func preview(_ request: Request) async throws -> Response {
        let owner = try context.authenticator.owner(of: request)
        try context.checkContentType(request)
        let body = try await request.body.collect(upTo: context.maxBodyBytes)
        let reader = JobReader(urls: context.urls, compiler: context.compiler)
        let spec = try await context.workers.run { Result { try reader.read(body) } }.get()
        do {
            let report = try await context.preview(spec, owner ?? "")
            let view = PreviewView(report: report)
            let bytes = await context.workers.run { view.bytes }
            return Response.json(.ok, bytes, headers: [.cacheControl: "no-store"])
        } catch let refusal as PreviewRefusal {
            throw Self.problem(refusal)
        }
    }

    private static func problem(_ refusal: PreviewRefusal) -> Problem {
        switch refusal {
        case .busy:
            Problem(
                .serviceUnavailable, "previews_busy", "As many previews as this service does at once.",
                headers: [.retryAfter: "\(retryAfterSeconds)"])
        case .ownerIsBusy:
            Problem(
                .tooManyRequests, "too_many_previews", "Your other previews are not done yet.",
                headers: [.retryAfter: "\(retryAfterSeconds)"])
        case .storeIsAway:
            Problem(
                .serviceUnavailable, "database_unavailable",
                "Hosts are shared through the database, and it does not answer. Try again.",
                headers: [.retryAfter: "\(Problem.retryAfterSeconds)"])
        }
    }
}
