import HTTPCore

/// Tells a job that has expired (410) from one that never was (404), for every route that names a job: a route finds
/// neither, and what is left of the first is looked up here, once it was missed.
struct ExpiredJobResponder: Responder {
    let next: any Responder
    let context: APIContext

    func handler(for request: inout Request) throws -> Handler {
        switch try next.handler(for: &request) {
        case .immediate(let respond): return .immediate(respond)
        case .suspending(let respond):
            return .suspending { request in
                do {
                    return try await respond(request)
                } catch let problem as Problem where problem == .jobNotFound {
                    throw try await expired(request) ?? problem
                }
            }
        }
    }

    private func expired(_ request: Request) async throws -> Problem? {
        guard let id = JobID(request.parameters["id"] ?? "") else { return nil }
        let owner = try context.authenticator.owner(of: request)
        return try await context.catalog.expired(id, owner: owner).map(Problem.jobExpired)
    }
}
