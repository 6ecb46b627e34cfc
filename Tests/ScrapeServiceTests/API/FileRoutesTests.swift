import Foundation
import Testing

@testable import ScrapeService

private let json = ["Content-Type": "application/json"]

@Suite struct FileRoutesTests {
    /// Saves `files` in a job that nobody else runs; returns its id.
    private func save(_ files: [SavedFile], _ service: TestService, key: String? = nil) async throws -> String
    {
        var headers = json
        if let key { headers["Authorization"] = "Bearer \(key)" }
        let pages = (0..<files.count).map { "\"http://127.0.0.1:1/dir/\($0).bin\"" }.joined(separator: ",")
        let answer = try await service.send(
            "POST", "/v1/jobs", headers: headers,
            body: "{\"start\":[\(pages)],\"pages\":{\"p\":{\"fields\":{\"t\":\"h1\"}}}}", over: .memory)
        #expect(answer.status == 202, "\(answer.text)")
        let replica = ReplicaID()
        _ = try await service.catalog.heartbeat(replica, ttl: .seconds(300))
        let lease = try #require(try await service.catalog.claim(for: replica))
        let queued = try await service.catalog.frontier(lease, after: 0, limit: files.count)
        _ = try await service.catalog.settle(
            lease, zip(queued, files).map { .saved($0, $1) }, gauges: JobGauges())
        return lease.job.description
    }

    @Test(arguments: Transport.allCases)
    func theFilesAreAListByKeysetAndCountedInTheStatus(_ transport: Transport) async throws {
        try await withService(working: false) { service in
            let files = (0..<5).map { SavedFile.whole("inhoud \($0)") }
            let id = try await save(files, service)
            var path: String? = "/v1/jobs/\(id)/files?limit=2"
            var rows: [JSONValue] = []
            while let here = path {
                let page = try await service.send("GET", here, over: transport)
                #expect(page.status == 200)
                guard case .array(let items)? = page.json["items"] else { break }
                rows += items
                path = page.json["next"]?.string
                #expect((page.headers["link"] != nil) == (path != nil))
            }
            #expect(rows.map { $0["id"]?.int } == [1, 2, 3, 4, 5])
            let first = try #require(rows.first)
            #expect(first["url"]?.string == "http://127.0.0.1:1/dir/0.bin" && first["page"]?.string == "p")
            #expect(first["name"]?.string == "name.txt" && first["content_type"]?.string == "text/plain")
            #expect(first["bytes"]?.int == 8 && first["fetched_at"]?.string?.hasSuffix("Z") == true)
            #expect(first["sha256"]?.string?.count == 64)
            #expect(first["links"]?["self"]?.string == "/v1/jobs/\(id)/files/1")
            let status = try await service.send("GET", "/v1/jobs/\(id)", over: transport)
            #expect(status.json["progress"]?["files"]?.int == 5)
            #expect(status.json["links"]?["files"]?.string == "/v1/jobs/\(id)/files")
            let bare = try await service.send("GET", "/v1/jobs/\(id)/files?colour=red", over: transport)
            #expect(bare.status == 422)
        }
    }

    @Test(arguments: Transport.allCases)
    func theBytesComeWithWhatGuardsABrowser(_ transport: Transport) async throws {
        try await withService(working: false) { service in
            let content = [UInt8].pattern(200_000)
            let page = SavedFile.whole(content, type: "text/html; charset=utf-8", name: "é\".html")
            let id = try await save([page], service)
            let path = "/v1/jobs/\(id)/files/1"
            let answer = try await service.send("GET", path, over: transport)
            #expect(answer.status == 200 && answer.body == content)
            #expect(answer.headers["content-type"] == "text/html; charset=utf-8")
            #expect(answer.headers["x-content-type-options"] == "nosniff")
            #expect(answer.headers["content-security-policy"] == "sandbox")
            #expect(answer.headers["accept-ranges"] == "bytes")
            #expect(
                answer.headers["content-disposition"]
                    == "attachment; filename=\"_\"; filename*=UTF-8''%C3%A9")
            let tag = try #require(answer.headers["etag"])
            #expect(tag.count == 66)

            let known = try await service.send("GET", path, headers: ["If-None-Match": tag], over: transport)
            #expect(known.status == 304 && known.body.isEmpty && known.headers["etag"] == tag)
            let part = try await service.send(
                "GET", path, headers: ["Range": "bytes=65530-65545", "If-Range": tag], over: transport)
            #expect(part.status == 206 && part.body == Array(content[65530...65545]))
            #expect(part.headers["content-range"] == "bytes 65530-65545/200000")
            let end = try await service.send("GET", path, headers: ["Range": "bytes=-7"], over: transport)
            #expect(end.status == 206 && end.body == Array(content.suffix(7)))
            let changed = try await service.send(
                "GET", path, headers: ["Range": "bytes=0-1", "If-Range": "\"other\""], over: transport)
            #expect(changed.status == 200 && changed.body == content)
            let behind = try await service.send(
                "GET", path, headers: ["Range": "bytes=200000-"], over: transport)
            #expect(behind.status == 416 && behind.headers["content-range"] == "bytes */200000")
            #expect(behind.json["code"]?.string == "range_not_satisfiable")
            let other = try await service.send(
                "GET", path, headers: ["If-Match": "\"other\""], over: transport)
            #expect(other.status == 412 && other.json["code"]?.string == "precondition_failed")
        }
    }

    @Test func headSaysTheSameWithoutTheBytes() async throws {
        try await withService(working: false) { service in
            let id = try await save([.whole("inhoud")], service)
            let path = "/v1/jobs/\(id)/files/1"
            let whole = try await service.send("GET", path, over: .socket)
            let head = try await service.send("HEAD", path, over: .socket)
            #expect(head.status == 200 && head.body.isEmpty)
            for name in ["content-length", "etag", "content-type", "content-disposition"] {
                #expect(head.headers[name] != nil && head.headers[name] == whole.headers[name], "\(name)")
            }
        }
    }

    @Test func aTypeThatCannotStandInAFieldIsNotSentOn() async throws {
        try await withService(working: false) { service in
            let types = [
                nil, "", "nonsense", "text/html\r\nX: y", "text/é", "a/" + String(repeating: "b", count: 300),
            ]
            let files = types.enumerated().map { SavedFile.whole([UInt8($0)], type: $1) }
            let id = try await save(files, service)
            for number in 1...files.count {
                let answer = try await service.send("GET", "/v1/jobs/\(id)/files/\(number)", over: .socket)
                #expect(answer.headers["content-type"] == "application/octet-stream", "\(number)")
                #expect(answer.headers["x"] == nil && answer.body == [UInt8(number - 1)])
            }
        }
    }

    @Test func nobodyElseSeesThemAndWhatIsNotThereIs404() async throws {
        let owners = ["0123456789abcdef-mine", "0123456789abcdef-theirs"]
        try await withService(keys: owners, working: false) { service in
            let id = try await save([.whole("geheim")], service, key: owners[0])
            func get(_ path: String, _ key: String?) async throws -> Answer {
                let headers = key.map { ["Authorization": "Bearer \($0)"] } ?? [:]
                return try await service.send("GET", path, headers: headers, over: .memory)
            }
            for path in ["/v1/jobs/\(id)/files", "/v1/jobs/\(id)/files/1"] {
                #expect(try await get(path, owners[0]).status == 200)
                let other = try await get(path, owners[1])
                #expect(other.status == 404 && other.json["code"]?.string == "job_not_found")
                #expect(try await get(path, nil).status == 401)
            }
            for number in ["0", "2", "-1", "x", "99999999999999999999", "1.0"] {
                let answer = try await get("/v1/jobs/\(id)/files/\(number)", owners[0])
                #expect(answer.status == 404 && answer.json["code"]?.string == "file_not_found", "\(number)")
            }
            _ = try await service.catalog.query(
                """
                update job set state = 'completed', stop_reason = 'finished', finished_at = now(),
                    deleted_at = now(), expired_at = now()
                """)
            let expired = try await get("/v1/jobs/\(id)/files/1", owners[0])
            #expect(expired.status == 410 && expired.json["code"]?.string == "job_expired")
        }
    }
}
