import HTTPCore
import HTTPTypes

/// An error as clients see it: problem details (RFC 9457) with a stable `code`.
struct Problem: Error, Hashable {
    struct Place: Hashable {
        /// RFC 6901, into the request's body (or, for a query parameter, `/` and its name).
        var pointer: String
        var detail: String
    }

    var status: HTTPResponse.Status
    /// A stable slug for programs.
    var code: String
    /// A sentence for people; of a 5xx never the inner cause.
    var detail: String
    var errors: [Place] = []
    /// What is left of the job that was asked for.
    var expired: ExpiredJob?
    var headers: HTTPFields = [:]

    init(
        _ status: HTTPResponse.Status, _ code: String, _ detail: String, errors: [Place] = [],
        headers: HTTPFields = [:]
    ) {
        self.status = status
        self.code = code
        self.detail = detail
        self.errors = errors
        self.headers = headers
    }

    /// `instance` is the request's path.
    func response(requestID: String, instance: String?) -> Response {
        var writer = JSONWriter()
        writer.object { body in
            body.key("type")
            body.string("urn:scrape-service:problem:\(code)")
            body.key("title")
            body.string(status.reasonPhrase)
            body.key("status")
            body.int(status.code)
            body.key("detail")
            body.string(detail)
            if let instance {
                body.key("instance")
                body.string(instance)
            }
            body.key("code")
            body.string(code)
            body.key("request_id")
            body.string(requestID)
            if !errors.isEmpty { write(errors, to: &body) }
            if let expired { write(expired, to: &body) }
        }
        var fields = headers
        fields[.contentType] = "application/problem+json"
        return Response(status: status, headers: fields, body: .bytes(writer.bytes))
    }

    /// An extension member (RFC 9457 §3.2): `status` is HTTP's there, so the job's has an object of its own.
    private func write(_ job: ExpiredJob, to body: inout JSONWriter) {
        body.key("job")
        body.object { body in
            body.key("id")
            body.string(job.id.description)
            body.key("status")
            body.string(job.state.rawValue)
            body.key("stop_reason")
            body.string(optional: job.stopReason?.rawValue)
            body.key("outcome")
            body.string(optional: job.outcome?.rawValue)
            body.key("finished_at")
            body.date(job.finishedAt)
            body.key("expired_at")
            body.date(job.expiredAt)
        }
    }

    private func write(_ errors: [Place], to body: inout JSONWriter) {
        body.key("errors")
        body.array { list in
            for error in errors {
                list.object { place in
                    place.key("pointer")
                    place.string(error.pointer)
                    place.key("detail")
                    place.string(error.detail)
                }
            }
        }
    }
}

extension Problem {
    /// Seconds a client is asked to wait before it tries again a service that lacks its database.
    static let retryAfterSeconds = 5

    static let jobNotFound = Problem(.notFound, "job_not_found", "There is no such job.")

    static func jobExpired(_ job: ExpiredJob) -> Problem {
        var problem = Problem(
            .gone, "job_expired",
            "The job was kept for its time and its data is gone; `job` tells how it ended.")
        problem.expired = job
        return problem
    }

    /// Another version of the service has migrated the database, or none has yet.
    static func foreignSchema(_ detail: String) -> Problem {
        Problem(
            .serviceUnavailable, "schema_mismatch", detail.prefix(1).uppercased() + detail.dropFirst() + ".",
            headers: [.retryAfter: "\(retryAfterSeconds)"])
    }

    static let unavailable = Problem(
        .serviceUnavailable, "database_unavailable",
        "The database does not answer; nothing was changed. Try again.",
        headers: [.retryAfter: "\(retryAfterSeconds)"])

    static func invalidQuery(_ name: String, _ detail: String) -> Problem {
        Problem(
            .unprocessableContent, "invalid_query", "The query parameter \(name) is invalid: \(detail).",
            errors: [Place(pointer: "/" + JSONPointer.escape(name), detail: detail)])
    }

    /// What the server or the router found: its status decides the code.
    init(_ error: HTTPError) {
        let codes: [Int: String] = [
            400: "bad_request", 404: "not_found", 405: "method_not_allowed", 408: "request_timeout",
            411: "length_required", 412: "precondition_failed", 413: "content_too_large", 414: "uri_too_long",
            415: "unsupported_media_type", 416: "range_not_satisfiable",
            417: "expectation_failed", 431: "header_fields_too_large", 500: "internal_error",
            501: "not_implemented",
            503: "unavailable", 505: "http_version_not_supported",
        ]
        self.init(
            error.status, codes[error.status.code] ?? "http_\(error.status.code)", error.reason,
            headers: error.headers)
    }
}

/// RFC 6901.
enum JSONPointer {
    static func escape(_ token: String) -> String {
        String(token.flatMap { $0 == "~" ? "~0" : $0 == "/" ? "~1" : String($0) })
    }
}
