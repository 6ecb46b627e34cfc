import Testing

@testable import ScrapeService

@Suite struct RequestBodyTests {
    @Test(arguments: [0, 1, 5, 3_000_000])
    func aBodyIsPosted(count: Int) async throws {
        let body = (0..<count).map { UInt8(truncatingIfNeeded: $0) }
        try await withHostileServer { connection, _ in
            writeAnswer(connection, "200 OK", [], "taken")
        } _: { server in
            try await withFetcher { fetcher, _ in
                let type = [HeaderField(name: "Content-Type", value: "application/json")]
                let answer = try await fetcher.fetch(makeFetch(server.base + "/", body: body, headers: type))
                #expect(answer.text == "taken")
                let request = try #require(server.requests.first)
                #expect(request.head.hasPrefix("POST / HTTP/1.1\r\n"))
                #expect(request.body == body)
                #expect(request.field("Content-Length") == "\(count)")
                #expect(request.field("Content-Type") == "application/json")
                #expect(request.field("Expect") == nil)
            }
        }
    }

    @Test func aBodyWithoutATypeIsNotCalledAForm() async throws {
        try await withHostileServer { connection, _ in
            writeAnswer(connection, "200 OK")
        } _: { server in
            try await withFetcher { fetcher, _ in
                _ = try await fetcher.fetch(makeFetch(server.base + "/", body: [1]))
                #expect(server.requests.first?.field("Content-Type") == nil)
            }
        }
    }

    @Test(arguments: [(303, "GET", 0), (308, "POST", 4)])
    func aRedirectedPostArrivesAsItShould(status: Int, method: String, count: Int) async throws {
        try await withHostileServer { connection, request in
            request.path == "/to"
                ? writeAnswer(connection, "200 OK")
                : writeAnswer(connection, "\(status) X", ["Location: /to"])
        } _: { server in
            try await withFetcher { fetcher, _ in
                _ = try await fetcher.fetch(makeFetch(server.base + "/from", body: [1, 2, 3, 4]))
                let last = try #require(server.requests.last)
                #expect(last.head.hasPrefix("\(method) /to "))
                #expect(last.body.count == count)
            }
        }
    }

    @Test func aGetAfterAPostHasNoBody() async throws {
        try await withHostileServer { connection, _ in
            writeAnswer(connection, "200 OK")
        } _: { server in
            try await withFetcher { fetcher, _ in
                _ = try await fetcher.fetch(makeFetch(server.base + "/", body: [1, 2, 3]))
                _ = try await fetcher.fetch(makeFetch(server.base + "/"))
                #expect(server.requests.map { $0.head.prefix(4) } == ["POST", "GET "])
                #expect(server.requests.last?.field("Content-Length") == nil)
            }
        }
    }

    @Test(arguments: [
        "Content-Length: 100000\r\n\r\n", "Connection: close\r\n\r\n", "Content-Length: 9000000000\r\n\r\n",
        "Transfer-Encoding: chunked\r\n\r\n186a0\r\n",
    ])
    func aBodyIsCutWhereTheCallerAsksForIt(fields: String) async throws {
        try await withHostileServer { connection, _ in
            write(connection, "HTTP/1.1 200 OK\r\n" + fields)
            return writeForever(connection, "0123456789")
        } _: { server in
            try await withFetcher { fetcher, _ in
                let request = makeFetch(server.base + "/", maxBodyBytes: 50_005, cutsBody: true)
                let answer = try await fetcher.fetch(request)
                #expect(answer.status == 200)
                #expect(answer.body.count == 50_005)
                #expect(answer.body.suffix(5) == Array("01234".utf8)[...])
            }
        }
    }

    @Test func aBodyThatFitsIsNotCut() async throws {
        try await withHostileServer { connection, _ in
            writeAnswer(connection, "200 OK", [], "12345")
        } _: { server in
            try await withFetcher { fetcher, _ in
                for _ in 0..<2 {
                    let request = makeFetch(server.base + "/", maxBodyBytes: 5, cutsBody: true)
                    let answer = try await fetcher.fetch(request)
                    #expect(answer.text == "12345")
                }
                #expect(server.connections == 1)
            }
        }
    }
}
