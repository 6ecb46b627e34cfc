import Foundation
import HTTPCore
import HTTPTypes

/// `/v1/jobs/{id}/deliveries`: what a job's receiver was told, and telling it again.
struct DeliveryRoutes: Sendable {
    let context: APIContext

    func add(to router: inout Router) {
        router.on(.get, "/v1/jobs/{id}/deliveries", list)
        router.on(.post, "/v1/jobs/{id}/deliveries/{delivery_id}/redeliver", redeliver)
    }

    @Sendable func list(_ request: Request) async throws -> Response {
        let query = try QueryReader(request, allowing: ["limit", "cursor"])
        let job = try await context.job(of: request)
        let slice = try await context.catalog.deliveries(
            of: job.id, after: try query.position(), limit: try query.limit())
        let path = JobView.path(job.id) + "/deliveries"
        let next = slice.hasMore ? query.link(path, cursor: Cursor.text(slice.position)) : nil
        return Paged.response(next: next) { list in
            for delivery in slice.elements { Self.write(delivery, to: &list) }
        }
    }

    @Sendable func redeliver(_ request: Request) async throws -> Response {
        let job = try await context.job(of: request)
        let owner = try context.authenticator.owner(of: request)
        guard let id = UUID(uuidString: request.parameters["delivery_id"] ?? ""),
            let delivery = try await context.catalog.redeliver(id, of: job.id, owner: owner)
        else { throw Problem(.notFound, "delivery_not_found", "The job has no such delivery.") }
        context.signals.workArrived()
        var writer = JSONWriter()
        Self.write(delivery, to: &writer)
        return .json(.accepted, writer.bytes)
    }

    private static func write(_ delivery: Delivery, to writer: inout JSONWriter) {
        writer.object { row in
            row.key("id")
            row.string(delivery.id.uuidString.lowercased())
            row.key("event")
            row.string(delivery.event.rawValue)
            row.key("status")
            row.string(delivery.state.rawValue)
            row.key("attempts")
            row.int(delivery.attempts)
            row.key("http_status")
            row.int(optional: delivery.httpStatus)
            row.key("error")
            row.string(optional: delivery.error)
            row.key("seconds")
            if let seconds = delivery.seconds { row.number(seconds) } else { row.null() }
            row.key("created_at")
            row.date(delivery.createdAt)
            row.key("attempted_at")
            row.date(delivery.attemptedAt)
            row.key("next_attempt_at")
            row.date(delivery.nextAttemptAt)
            row.key("delivered_at")
            row.date(delivery.deliveredAt)
        }
    }
}
