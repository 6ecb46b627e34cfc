import Foundation
import Testing

@testable import ScrapeService

private let json = ["Content-Type": "application/json"]
/// Nobody listens there, and no engine runs: the job stays queued.
private let idle = #"{"name":"idle","start":"http://127.0.0.1:1/","pages":{"p":{"fields":{"t":"h1"}}}}"#

@Suite struct JobRoutesTests {
    @Test(arguments: Transport.allCases)
    func anAcceptedJobIs202WithItsStatusAndPlace(_ transport: Transport) async throws {
        try await withService(working: false) { service in
            let answer = try await service.send(
                "POST", "/v1/jobs", headers: json, body: idle, over: transport)
            #expect(answer.status == 202)
            #expect(answer.headers["content-type"] == "application/json")
            #expect(answer.headers["retry-after"] == "1")
            let id = try #require(answer.json["id"]?.string)
            #expect(answer.headers["location"] == "/v1/jobs/\(id)")
            #expect(answer.json["status"] == .string("queued"))
            #expect(answer.json["terminal"] == .bool(false))
            #expect(answer.json["progress"]?["discovered"]?.int == 1)
            let status = try await service.send("GET", "/v1/jobs/\(id)", over: transport)
            #expect(status.json["id"]?.string == id)
            #expect(status.body.count <= 4096)
        }
    }

    @Test(arguments: Transport.allCases)
    func whatIsWrongIsAProblemWithCodeAndRequestID(_ transport: Transport) async throws {
        let unknown = "/v1/jobs/\(JobID.make())"
        let cases: [(String, String, [String: String], String?, Int, String)] = [
            ("POST", "/v1/jobs", json, "{", 400, "invalid_json"),
            ("POST", "/v1/jobs", json, "{}", 422, "invalid_job"),
            ("POST", "/v1/jobs", ["Content-Type": "text/plain"], idle, 415, "unsupported_media_type"),
            (
                "POST", "/v1/jobs", json, String(repeating: " ", count: (1 << 20) + 1), 413,
                "content_too_large"
            ),
            (
                "POST", "/v1/jobs", json.merging(["Idempotency-Key": ""]) { $1 }, idle, 400,
                "invalid_idempotency_key"
            ),
            ("GET", "/v1/jobs?limit=0", [:], nil, 422, "invalid_query"),
            ("GET", "/v1/jobs?limit=1001", [:], nil, 422, "invalid_query"),
            ("GET", "/v1/jobs?status=dead", [:], nil, 422, "invalid_query"),
            ("GET", "/v1/jobs?created_after=noon", [:], nil, 422, "invalid_query"),
            ("GET", "/v1/jobs?created_after=999999-01-01T00:00:00Z", [:], nil, 422, "invalid_query"),
            ("GET", "/v1/jobs?cursor=x", [:], nil, 422, "invalid_query"),
            ("GET", "/v1/jobs?colour=red", [:], nil, 422, "invalid_query"),
            ("GET", unknown, [:], nil, 404, "job_not_found"),
            ("GET", "/v1/jobs/not-a-uuid", [:], nil, 404, "job_not_found"),
            ("GET", unknown + "/results", [:], nil, 404, "job_not_found"),
            ("GET", unknown + "/pages", [:], nil, 404, "job_not_found"),
            ("GET", unknown + "/word-counts", [:], nil, 404, "job_not_found"),
            ("POST", unknown + "/cancel", [:], nil, 404, "job_not_found"),
            ("DELETE", unknown, [:], nil, 404, "job_not_found"),
            ("GET", "/v2", [:], nil, 404, "not_found"),
            ("PUT", "/v1/jobs", [:], nil, 405, "method_not_allowed"),
        ]
        try await withService(working: false) { service in
            for (method, target, headers, body, status, code) in cases {
                if headers["Idempotency-Key"] == "", transport == .socket { continue }
                let answer = try await service.send(
                    method, target, headers: headers, body: body, over: transport)
                #expect(answer.status == status, "\(method) \(target)")
                #expect(answer.headers["content-type"] == "application/problem+json", "\(method) \(target)")
                #expect(answer.json["code"]?.string == code, "\(method) \(target)")
                #expect(answer.json["status"]?.int == status)
                #expect(answer.json["request_id"]?.string?.isEmpty == false)
                if status == 405 { #expect(answer.headers["allow"]?.contains("POST") == true) }
            }
        }
    }

    @Test(arguments: Transport.allCases)
    func aKeyWithTheSameBodyIsTheSameJobAndWithAnotherA422(_ transport: Transport) async throws {
        try await withService(working: false) { service in
            let headers = json.merging(["Idempotency-Key": "k1"]) { $1 }
            let first = try await service.send(
                "POST", "/v1/jobs", headers: headers, body: idle, over: transport)
            let again = try await service.send(
                "POST", "/v1/jobs", headers: headers, body: idle, over: transport)
            #expect(again.status == 202)
            #expect(again.json["id"] == first.json["id"])
            let other = idle.replacing("idle", with: "other")
            let reused = try await service.send(
                "POST", "/v1/jobs", headers: headers, body: other, over: transport)
            #expect(reused.status == 422)
            #expect(reused.json["code"]?.string == "idempotency_key_reused")
        }
    }

    @Test(arguments: Transport.allCases)
    func theListIsNewestFirstAndPagesToItsEnd(_ transport: Transport) async throws {
        try await withService(working: false) { service in
            var ids: [String] = []
            for _ in 0..<5 {
                let answer = try await service.send(
                    "POST", "/v1/jobs", headers: json, body: idle, over: transport)
                ids.append(try #require(answer.json["id"]?.string))
            }
            var seen: [String] = []
            var target: String? = "/v1/jobs?limit=2&name=idle&status=queued"
            while let next = target {
                let page = try await service.send("GET", next, over: transport)
                guard case .array(let items)? = page.json["items"] else { break }
                seen += items.compactMap { $0["id"]?.string }
                target = page.json["next"]?.string
                #expect(page.headers["link"] == target.map { "<\($0)>; rel=\"next\"" })
            }
            #expect(Set(seen) == Set(ids))
            #expect(seen.count == 5)
            #expect(seen == seen.sorted(by: >))
            let none = try await service.send("GET", "/v1/jobs?name=other", over: transport)
            #expect(none.json["items"] == .array([]))
        }
    }

    @Test(arguments: Transport.allCases)
    func anEntityTagSavesTheBodyUntilSomethingChanges(_ transport: Transport) async throws {
        try await withService(working: false) { service in
            let job = try await service.send("POST", "/v1/jobs", headers: json, body: idle, over: transport)
            let place = try #require(job.headers["location"])
            let status = try await service.send("GET", place, over: transport)
            let tag = try #require(status.headers["etag"])
            let same = try await service.send("GET", place, headers: ["If-None-Match": tag], over: transport)
            #expect(same.status == 304)
            #expect(same.body.isEmpty)
            let waited = ContinuousClock.now
            let still = try await service.send(
                "GET", place + "?wait=1", headers: ["If-None-Match": "W/\(tag), \"x\""], over: transport)
            #expect(still.status == 304)
            #expect(ContinuousClock.now - waited >= .seconds(1))
            _ = try await service.send("POST", place + "/cancel", over: transport)
            let changed = try await service.send(
                "GET", place, headers: ["If-None-Match": tag], over: transport)
            #expect(changed.status == 200)
            #expect(changed.json["status"]?.string == "cancelling")
        }
    }

    @Test(arguments: Transport.allCases)
    func aQueuedJobIsCancelledAndDeletedOnlyWhenItIsOver(_ transport: Transport) async throws {
        try await withSite { site in
            try await withService { service in
                let slow = siteJob(
                    site.port, more: #","politeness":{"per_host_concurrency":1},"fetch":{"concurrency":1}"#)
                let job = try await service.send(
                    "POST", "/v1/jobs", headers: json, body: slow, over: transport)
                let place = try #require(job.headers["location"])
                let early = try await service.send("DELETE", place, over: transport)
                let cancel = try await service.send("POST", place + "/cancel", over: transport)
                if cancel.status == 202 {
                    #expect(early.status == 409)
                    #expect(early.json["detail"]?.string?.contains("cancel") == true)
                    let over = try await service.send("GET", place + "?wait=5", over: transport)
                    #expect(over.json["status"]?.string == "cancelled")
                    #expect(over.json["stop_reason"]?.string == "cancelled")
                    #expect(over.json["progress"]?["queued"]?.int == 0)
                    #expect(over.headers["retry-after"] == nil)
                    #expect(try await service.send("POST", place + "/cancel", over: transport).status == 202)
                }
                #expect(try await service.send("DELETE", place, over: transport).status == 204)
                #expect(try await service.send("GET", place, over: transport).status == 404)
                #expect(try await service.send("DELETE", place, over: transport).status == 404)
            }
        }
    }

    @Test(arguments: Transport.allCases)
    func aJobBelongsToItsKey(_ transport: Transport) async throws {
        let mine = ["Authorization": "Bearer 0123456789abcdef-mine"]
        let theirs = ["Authorization": "bearer 0123456789abcdef-theirs"]
        try await withService(keys: ["0123456789abcdef-mine", "0123456789abcdef-theirs"], working: false) {
            service in
            let job = try await service.send(
                "POST", "/v1/jobs", headers: json.merging(mine) { $1 }, body: idle, over: transport)
            #expect(job.status == 202)
            let place = try #require(job.headers["location"])
            #expect(try await service.send("GET", place, headers: mine, over: transport).status == 200)
            for (method, suffix) in [
                ("GET", ""), ("GET", "/results"), ("GET", "/pages"), ("GET", "/word-counts"),
                ("POST", "/cancel"),
                ("DELETE", ""),
            ] {
                let other = try await service.send(method, place + suffix, headers: theirs, over: transport)
                #expect(other.status == 404, "\(method) \(suffix)")
                let nobody = try await service.send(method, place + suffix, over: transport)
                #expect(nobody.status == 401, "\(method) \(suffix)")
                #expect(nobody.headers["www-authenticate"] == "Bearer")
                let wrong = ["Authorization": "Bearer 0123456789abcdef-wrong"]
                #expect(
                    try await service.send(method, place + suffix, headers: wrong, over: transport).status
                        == 401)
            }
            let list = try await service.send("GET", "/v1/jobs", headers: theirs, over: transport)
            #expect(list.json["items"] == .array([]))
            for open in ["/healthz", "/readyz", "/metrics", "/openapi.yaml", "/openapi.json"] {
                #expect(try await service.send("GET", open, over: transport).status == 200, "\(open)")
            }
        }
    }
}
