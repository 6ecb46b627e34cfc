import Foundation
import HTTPCore

/// The status body of the contract.
struct JobView {
    /// Contract: a status has at most 4 KiB. Warnings and fields take what the rest leaves.
    static let maxBytes = 4 << 10

    /// Codes a status lists: keeps it under 4 KiB however odd the servers were.
    static let maxFailureCodes = 20

    /// Characters of an origin in a status: keeps it under 4 KiB where hosts have the longest names that resolve.
    static let maxOriginLength = 80

    let job: JobSnapshot

    static func path(_ id: JobID) -> String { "/v1/jobs/\(id)" }

    var bytes: [UInt8] {
        var writer = JSONWriter(capacity: 1024)
        write(to: &writer)
        return writer.bytes
    }

    /// Changes whenever the job does (RFC 9110 §8.8.3).
    var entityTag: EntityTag { EntityTag("\(job.version)-\(job.state.rawValue)") }

    func write(to writer: inout JSONWriter) {
        let start = writer.bytes.count
        writer.object { body in
            body.key("id")
            body.string(job.id.description)
            body.key("name")
            body.string(optional: job.name)
            body.key("status")
            body.string(job.state.rawValue)
            body.key("terminal")
            body.bool(job.state.isTerminal)
            body.key("stop_reason")
            body.string(optional: job.stopReason?.rawValue)
            body.key("outcome")
            body.string(optional: job.outcome?.rawValue)
            body.key("created_at")
            body.date(job.createdAt)
            body.key("started_at")
            body.date(job.startedAt)
            body.key("finished_at")
            body.date(job.finishedAt)
            body.key("expires_at")
            body.date(job.expiresAt)
            writeProgress(&body)
            writeRates(&body)
            writeHosts(&body)
            writeFailures(&body)
            let links = links
            let room =
                Self.maxBytes - (body.bytes.count - start) - links.utf8.count - #","links":}"#.utf8.count
            FieldsView(job: job).write(to: &body, room: room)
            body.key("links")
            body.raw(links)
        }
    }

    /// In flight is what the engine last said, never more than is left.
    private var inFlight: Int {
        job.state.isTerminal ? 0 : max(0, min(job.gauges.inFlight, job.counters.remaining))
    }

    private func writeProgress(_ body: inout JSONWriter) {
        let counters = job.counters
        let settled = counters.fetched + counters.failed + counters.skipped
        let members: [(String, Int)] = [
            ("discovered", counters.discovered), ("queued", counters.remaining - inFlight),
            ("in_flight", inFlight),
            ("fetched", counters.fetched), ("failed", counters.failed), ("skipped", counters.skipped),
            ("retries", counters.retries), ("items", counters.items), ("files", job.files),
            ("bytes", counters.bytes),
        ]
        body.key("progress")
        body.object { progress in
            for (name, value) in members {
                progress.key(name)
                progress.int(value)
            }
            progress.key("fraction")
            progress.number(
                counters.discovered == 0 ? 0 : Double(settled) / Double(counters.discovered), decimals: 4)
        }
    }

    /// While it runs over the last seconds, afterwards over the whole job.
    private func writeRates(_ body: inout JSONWriter) {
        var pages = job.gauges.pagesPerSecond
        var items = job.gauges.itemsPerSecond
        if job.state.isTerminal {
            let seconds =
                job.startedAt.flatMap { start in job.finishedAt.map { $0.timeIntervalSince(start) } } ?? 0
            pages = seconds > 0 ? Double(job.counters.fetched + job.counters.failed) / seconds : 0
            items = seconds > 0 ? Double(job.counters.items) / seconds : 0
        }
        body.key("rates")
        body.object { rates in
            rates.key("pages_per_second")
            rates.number(pages, decimals: 1)
            rates.key("items_per_second")
            rates.number(items, decimals: 1)
            rates.key("eta_seconds")
            let left = job.counters.remaining
            if job.state.isTerminal || left == 0 {
                rates.int(0)
            } else if pages > 0 {
                rates.number(Double(left) / pages, decimals: 1)
            } else {
                rates.null()
            }
        }
    }

    /// Why it is slow: the hosts that let pages wait. As of the last settling.
    private func writeHosts(_ body: inout JSONWriter) {
        body.key("hosts")
        body.array { list in
            for wait in job.state == .running ? job.gauges.hosts : [] {
                list.object { entry in
                    entry.key("origin")
                    entry.string(String(wait.origin.prefix(Self.maxOriginLength)))
                    entry.key("reason")
                    entry.string(wait.reason.rawValue)
                    entry.key("waiting")
                    entry.int(wait.waiting)
                    entry.key("seconds")
                    if let seconds = wait.seconds { entry.number(seconds, decimals: 1) } else { entry.null() }
                }
            }
        }
    }

    private func writeFailures(_ body: inout JSONWriter) {
        body.key("failures")
        body.array { list in
            for failure in job.failures.prefix(Self.maxFailureCodes) {
                list.object { entry in
                    entry.key("code")
                    entry.string(failure.code)
                    entry.key("count")
                    entry.int(failure.count)
                }
            }
        }
    }

    private var links: String {
        let path = Self.path(job.id)
        var writer = JSONWriter()
        writer.object { links in
            for (name, suffix) in [
                ("self", ""), ("results", "/results"), ("pages", "/pages"), ("files", "/files"),
                ("word_counts", "/word-counts"), ("deliveries", "/deliveries"),
            ] {
                links.key(name)
                links.string(path + suffix)
            }
        }
        return String(decoding: writer.bytes, as: UTF8.self)
    }
}
