import Foundation
import HTTPCore
import HTTPTypes
import Logging

/// What the handlers share.
struct APIContext: Sendable {
    var catalog: any JobCatalog
    var files: any FileCatalog
    var urls: any URLParsing
    var compiler: any PageCompiler
    var signals: JobSignals
    /// Tries a job of an owner's on a few pages. Throws ``PreviewRefusal``.
    var preview: @Sendable (JobSpec, _ owner: String) async throws -> PreviewReport
    /// Where words are counted: not on the loop that answers.
    var workers: WorkerPool
    /// The loop the server runs on: long polls wait on its timers.
    var loop: EventLoop
    var authenticator: Authenticator
    /// Bytes of a job's JSON.
    var maxBodyBytes: Int
    /// All metrics as Prometheus reads them.
    var exposition: @Sendable () async -> [UInt8]
    var logger: Logger
}

extension APIContext {
    /// The job of the path, as its owner sees it; unknown and others' jobs are the same 404.
    func job(of request: Request) async throws -> JobSnapshot {
        let owner = try authenticator.owner(of: request)
        guard let job = try await catalog.snapshot(of: try jobID(of: request), owner: owner) else {
            throw Problem.jobNotFound
        }
        return job
    }

    func jobID(of request: Request) throws -> JobID {
        guard let id = JobID(request.parameters["id"] ?? "") else { throw Problem.jobNotFound }
        return id
    }

    /// A job comes as JSON, or without a type.
    func checkContentType(_ request: Request) throws(Problem) {
        guard let field = request.headers[.contentType] else { return }
        let type = field.prefix { $0 != ";" }.trimmingCharacters(in: .whitespaces).lowercased()
        if type == "application/json" || (type.hasPrefix("application/") && type.hasSuffix("+json")) {
            return
        }
        throw Problem(
            .unsupportedMediaType, "unsupported_media_type",
            "A job is sent as Content-Type: application/json (curl: --json @job.json), not \(type).")
    }
}

extension Response {
    static func json(
        _ status: HTTPResponse.Status, _ bytes: [UInt8], headers: HTTPFields = [:]
    ) -> Response {
        var fields = headers
        fields[.contentType] = "application/json"
        return Response(status: status, headers: fields, body: .bytes(bytes))
    }
}
