import HTTPCore
import HTTPTypes
import Logging

/// Turns every error into problem details: the one table from errors to answers.
struct ProblemResponder: Responder {
    let next: any Responder
    let logger: Logger

    func handler(for request: inout Request) -> Handler {
        do {
            switch try next.handler(for: &request) {
            case .immediate(let respond):
                return .immediate { request in
                    do { return try respond(request) } catch { return answer(error, request) }
                }
            case .suspending(let respond):
                return .suspending { request in
                    do { return try await respond(request) } catch { return answer(error, request) }
                }
            }
        } catch {
            return .immediate { answer(error, $0) }
        }
    }

    private func answer(_ error: any Error, _ request: Request) -> Response {
        do {
            throw error
        } catch let problem as Problem {
            return answer(problem, request)
        } catch let error as HTTPError {
            return answer(Problem(error), request)
        } catch StoreError.unavailable(let cause) {
            logger.warning(
                "database unavailable", metadata: ["request_id": "\(request.id)", "cause": "\(cause)"])
            return answer(.unavailable, request)
        } catch StoreError.foreignSchema(let detail) {
            logger.warning(
                "schema does not fit", metadata: ["request_id": "\(request.id)", "cause": "\(detail)"])
            return answer(.foreignSchema(detail), request)
        } catch StoreError.failed(let cause) {
            logger.error("database error", metadata: ["request_id": "\(request.id)", "cause": "\(cause)"])
            return answer(Self.internalError, request)
        } catch is CancellationError {
            // The client is gone: nobody reads the answer.
            return answer(Self.internalError, request)
        } catch {
            logger.error("unexpected error", metadata: ["request_id": "\(request.id)", "cause": "\(error)"])
            return answer(Self.internalError, request)
        }
    }

    private static let internalError = Problem(
        .internalServerError, "internal_error",
        "The service failed; its log has the cause under this request_id.")

    private func answer(_ problem: Problem, _ request: Request) -> Response {
        problem.response(requestID: request.id, instance: request.path)
    }
}
