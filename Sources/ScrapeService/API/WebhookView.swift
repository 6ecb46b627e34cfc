import Foundation

/// What a receiver gets: the event, and the job as it is when it is sent.
struct WebhookView {
    let delivery: ClaimedDelivery
    let job: JobSnapshot

    var bytes: [UInt8] {
        var writer = JSONWriter(capacity: 1536)
        writer.object { body in
            body.key("id")
            body.string(delivery.id.uuidString.lowercased())
            body.key("event")
            body.string(delivery.event.rawValue)
            body.key("created_at")
            body.date(delivery.createdAt)
            body.key("job")
            JobView(job: job).write(to: &body)
        }
        return writer.bytes
    }
}
