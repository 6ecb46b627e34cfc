import Foundation
import Testing

@testable import ScrapeService

private let json = ["Content-Type": "application/json"]

/// A job that nobody runs, with a webhook that nobody reaches.
private let told = """
    {"name":"told","start":"http://127.0.0.1:1/","pages":{"p":{"fields":{"t":"h1"}}},
     "webhook":{"url":"http://127.0.0.1:1/hook?token=t0ken","secret":"s3cret-of-the-hook",
                "events":["started","paused","resumed"]}}
    """

@Suite struct DeliveryRoutesTests {
    /// Accepts the job and pauses it `events` times, as nothing else runs.
    private func accept(_ service: TestService, events: Int, key: String? = nil) async throws -> String {
        var headers = json
        if let key { headers["Authorization"] = "Bearer \(key)" }
        let answer = try await service.send("POST", "/v1/jobs", headers: headers, body: told, over: .memory)
        #expect(answer.status == 202, "\(answer.text)")
        let id = try #require(answer.json["id"]?.string)
        for number in 0..<events {
            let state = number % 2 == 0 ? "paused" : "queued"
            _ = try await service.catalog.pool.query(
                "update job set state = $2 where id = $1",
                [.uuid(try #require(UUID(uuidString: id))), .text(state)])
        }
        return id
    }

    @Test(arguments: Transport.allCases)
    func theLogIsAListByKeyset(_ transport: Transport) async throws {
        try await withService(working: false) { service in
            let id = try await accept(service, events: 5)
            var path: String? = "/v1/jobs/\(id)/deliveries?limit=2"
            var rows: [JSONValue] = []
            while let here = path {
                let page = try await service.send("GET", here, over: transport)
                #expect(page.status == 200)
                guard case .array(let items)? = page.json["items"] else { break }
                rows += items
                path = page.json["next"]?.string
                #expect((page.headers["link"] != nil) == (path != nil))
            }
            #expect(rows.map { $0["event"]?.string } == ["paused", "resumed", "paused", "resumed", "paused"])
            #expect(Set(rows.map { $0["id"]?.string }).count == 5)
            let first = try #require(rows.first)
            #expect(first["status"]?.string == "pending" && first["attempts"]?.int == 0)
            #expect(first["http_status"] == .null && first["delivered_at"] == .null)
            let bare = try await service.send("GET", "/v1/jobs/\(id)/deliveries?colour=red", over: transport)
            #expect(bare.status == 422)
        }
    }

    @Test(arguments: Transport.allCases)
    func sendingAgainIs202AndMayBeRepeated(_ transport: Transport) async throws {
        try await withService(working: false) { service in
            let id = try await accept(service, events: 1)
            let list = try await service.send("GET", "/v1/jobs/\(id)/deliveries", over: transport)
            guard case .array(let items)? = list.json["items"], let delivery = items.first?["id"]?.string
            else {
                Issue.record("no delivery: \(list.text)")
                return
            }
            for _ in 0..<3 {
                let again = try await service.send(
                    "POST", "/v1/jobs/\(id)/deliveries/\(delivery)/redeliver", over: transport)
                #expect(again.status == 202)
                #expect(again.json["id"]?.string == delivery)
                #expect(again.json["status"]?.string == "pending")
            }
            for unknown in [UUID().uuidString, "nonsense"] {
                let answer = try await service.send(
                    "POST", "/v1/jobs/\(id)/deliveries/\(unknown)/redeliver", over: transport)
                #expect(answer.status == 404 && answer.json["code"]?.string == "delivery_not_found")
            }
            let noJob = try await service.send(
                "POST", "/v1/jobs/\(JobID.make())/deliveries/\(delivery)/redeliver", over: transport)
            #expect(noJob.json["code"]?.string == "job_not_found")
        }
    }

    @Test func noAnswerShowsTheSecretOrTheURL() async throws {
        try await withService(working: false) { service in
            let id = try await accept(service, events: 1)
            let base = "/v1/jobs/\(id)"
            let paths = [
                "/v1/jobs", base, "\(base)/deliveries", "\(base)/results", "\(base)/pages", "/metrics",
            ]
            for path in paths {
                let answer = try await service.send("GET", path, over: .memory)
                #expect(answer.status == 200, "\(path)")
                #expect(!answer.text.contains("s3cret") && !answer.text.contains("t0ken"), "\(path)")
            }
        }
    }

    @Test func aReadKeyReadsWhatItsFullKeyOwnsAndChangesNothing() async throws {
        let (full, read, other) = ("0123456789-full", "0123456789-reading", "0123456789-someone-else")
        try await withService(keys: [full + "-key", read + " read", other], working: false) { service in
            let full = full + "-key"
            let id = try await accept(service, events: 1, key: full)
            let list = try await service.send(
                "GET", "/v1/jobs/\(id)/deliveries", headers: ["Authorization": "Bearer \(full)"],
                over: .memory)
            guard case .array(let items)? = list.json["items"], let delivery = items.first?["id"]?.string
            else {
                Issue.record("no delivery: \(list.text)")
                return
            }
            let base = "/v1/jobs/\(id)"
            let redeliver = "\(base)/deliveries/\(delivery)/redeliver"
            // Method, path, then the answer to the full key, the read key, another key and no key.
            let matrix: [(String, String, [Int])] = [
                ("GET", "/v1/jobs", [200, 200, 200, 401]),
                ("HEAD", base, [200, 200, 404, 401]),
                ("GET", base, [200, 200, 404, 401]),
                ("GET", "\(base)/results", [200, 200, 404, 401]),
                ("GET", "\(base)/pages", [200, 200, 404, 401]),
                ("GET", "\(base)/deliveries", [200, 200, 404, 401]),
                ("GET", "\(base)/word-counts", [200, 200, 404, 401]),
                ("POST", redeliver, [202, 403, 404, 401]),
                ("POST", "\(base)/cancel", [202, 403, 404, 401]),
                ("DELETE", base, [409, 403, 404, 401]),
                ("POST", "/v1/jobs", [202, 403, 202, 401]),
                ("GET", "/healthz", [200, 200, 200, 200]),
                ("GET", "/metrics", [200, 200, 200, 200]),
            ]
            for (method, path, statuses) in matrix {
                for (key, status) in zip([full, read, other, nil], statuses) {
                    var headers = json
                    if let key { headers["Authorization"] = "Bearer \(key)" }
                    let answer = try await service.send(
                        method, path, headers: headers, body: method == "POST" ? told : nil, over: .memory)
                    #expect(answer.status == status, "\(method) \(path) \(key ?? "no key")")
                    if status == 403 { #expect(answer.json["code"]?.string == "forbidden_scope") }
                }
            }
            let seen = try await service.send(
                "GET", "/v1/jobs", headers: ["Authorization": "Bearer \(read)"], over: .memory)
            guard case .array(let jobs)? = seen.json["items"] else { return }
            #expect(jobs.contains { $0["id"]?.string == id })
        }
    }
}
