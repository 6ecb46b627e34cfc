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
