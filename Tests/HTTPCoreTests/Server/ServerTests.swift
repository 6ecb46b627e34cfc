import HTTPCore
import HTTPTypes
import Logging
import Testing

@Suite(.timeLimit(.minutes(1))) struct ServerTests {
    @Test("a connection is kept, and each answer has the server's fields")
    func keepAlive() async throws {
        let test = try await TestServer()
        let client = try await test.connect()
        for number in 0..<3 {
            let answer = try await client.get("/\(number)")
            #expect(answer.status == 200)
            #expect(answer.body == "/\(number)")
            #expect(answer["date"]?.hasSuffix(" GMT") == true)
            #expect(answer["x-request-id"]?.isEmpty == false)
            #expect(answer["content-length"] == "2")
            #expect(answer["connection"] == nil)
        }
        #expect(await test.server.counters.acceptedConnections == 1)
        await client.close()
        await test.stop()
    }

    @Test("the client's own request id comes back")
    func requestID() async throws {
        let test = try await TestServer { Response(status: .ok, body: .bytes(Array($0.id.utf8))) }
        let client = try await test.connect()
        try await client.send("GET / HTTP/1.1\r\nHost: a\r\nX-Request-Id: mine-1\r\n\r\n")
        let answer = try await client.readAnswer()
        #expect(answer["x-request-id"] == "mine-1")
        #expect(answer.body == "mine-1")
        await client.close()
        await test.stop()
    }

    @Test("pipelined requests are answered in order, also when the first one takes longest")
    func pipelining() async throws {
        let loop = try EventLoop(name: "aside")
        let test = try await TestServer { request in
            if request.path == "/0" { try await loop.sleep(for: .milliseconds(30)) }
            return Response(status: .ok, body: .bytes(Array(request.path.utf8)))
        }
        let client = try await test.connect()
        try await client.send((0..<50).map { "GET /\($0) HTTP/1.1\r\nHost: a\r\n\r\n" }.joined())
        for number in 0..<50 { #expect(try await client.readAnswer().body == "/\(number)") }
        await client.close()
        await test.stop()
        loop.stop()
    }

    @Test("an answer does not wait for the pipelined request behind it")
    func pipeliningIsNotDelayed() async throws {
        let loop = try EventLoop(name: "aside")
        let test = try await TestServer { request in
            if request.path == "/slow" { try await loop.sleep(for: .seconds(3600)) }
            return Response(status: .ok)
        }
        let client = try await test.connect()
        try await client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\nGET /slow HTTP/1.1\r\nHost: a\r\n\r\n")
        #expect(try await client.readAnswer().status == 200)
        await client.close()
        await test.stop()
        loop.stop()
    }

    @Test("good answers come before a bad request's error, which ends the connection")
    func pipelinedError() async throws {
        let test = try await TestServer()
        let good = "GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\n"
        let text = try await test.exchange(good + "BAD\r\n\r\nGET /3 HTTP/1.1\r\nHost: a\r\n\r\n")
        let parts = text.split(separator: "HTTP/1.1 ").map { $0.prefix(3) }
        #expect(parts == ["200", "200", "400"])
        #expect(text.contains("Connection: close\r\n"))
        #expect(await test.server.counters.refusals == [400: 1])
        await test.stop()
    }

    @Test("requests that arrive byte by byte are understood")
    func byteByByte() async throws {
        let test = try await TestServer()
        let client = try await test.connect()
        for byte in "POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n" {
            try await client.send(String(byte))
            await test.loop.yield()
        }
        #expect(try await client.readAnswer().body == "abc")
        #expect(try await client.get("/next").body == "/next")
        await client.close()
        await test.stop()
    }

    @Test("HEAD has GET's fields and no body", arguments: [false, true])
    func head(streamed: Bool) async throws {
        let test = try await TestServer { _ in
            let body: ResponseBody =
                streamed
                ? .stream(length: 5) { try await $0.write(Array("hello".utf8)) } : .bytes(Array("hello".utf8))
            return Response(status: .ok, headers: [.eTag: "\"a\""], body: body)
        }
        let client = try await test.connect()
        let full = try await client.get()
        try await client.send("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n")
        let empty = try await client.readAnswer(hasBody: false)
        let ignored = ["date", "x-request-id"]
        #expect(
            full.fields.filter { !ignored.contains($0.name) }.map { "\($0)" }
                == empty.fields.filter { !ignored.contains($0.name) }.map { "\($0)" })
        #expect(full.body == "hello")
        #expect(try await client.get().body == "hello")
        await client.close()
        await test.stop()
    }

    @Test("204 and 304 have neither body nor length", arguments: [204, 304])
    func noContent(code: Int) async throws {
        let test = try await TestServer { _ in Response(status: .init(code: code), body: .bytes([1, 2, 3])) }
        let client = try await test.connect()
        for _ in 0..<2 {
            let answer = try await client.get()
            #expect(answer.status == code)
            #expect(answer["content-length"] == nil && answer["transfer-encoding"] == nil)
        }
        await client.close()
        await test.stop()
    }

    @Test("205 has no content, and says so with a length of 0")
    func resetContent() async throws {
        let test = try await TestServer { _ in Response(status: .resetContent, body: .bytes([1, 2, 3])) }
        let client = try await test.connect()
        for _ in 0..<2 {
            let answer = try await client.get()
            #expect(answer.status == 205)
            #expect(answer["content-length"] == "0")
        }
        await client.close()
        await test.stop()
    }

    @Test(
        "the connection ends when the client says so, and when HTTP/1.0 does not say otherwise",
        arguments: [
            "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", "GET / HTTP/1.0\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\r\nConnection: x, CLOSE\r\n\r\n",
        ])
    func clientCloses(text: String) async throws {
        let test = try await TestServer()
        let answer = try await test.exchange(text)
        #expect(answer.hasPrefix("HTTP/1.1 200 OK\r\n"))
        #expect(answer.contains("Connection: close\r\n"))
        await test.stop()
    }

    @Test("HTTP/1.0 can keep its connection")
    func oldKeepAlive() async throws {
        let test = try await TestServer()
        let client = try await test.connect()
        for _ in 0..<2 {
            try await client.send("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
            #expect(try await client.readAnswer()["connection"] == "keep-alive")
        }
        await client.close()
        await test.stop()
    }

    @Test("the last request of a connection is announced")
    func maxRequests() async throws {
        let test = try await TestServer(limits: TestServer.makeLimits { $0.maxRequestsPerConnection = 2 })
        let client = try await test.connect()
        #expect(try await client.get()["connection"] == nil)
        #expect(try await client.get()["connection"] == "close")
        #expect(try await client.readToEnd() == "")
        await client.close()
        await test.stop()
    }

    @Test("a client that ends its side still gets its answers")
    func halfClose() async throws {
        let test = try await TestServer { request in
            await Task.yield()
            return Response(status: .ok, body: .bytes(Array(request.path.utf8)))
        }
        let client = try await test.connect()
        try await client.send("GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\n")
        await client.finishWriting()
        #expect(try await client.readAnswer().body == "/1")
        #expect(try await client.readAnswer().body == "/2")
        #expect(try await client.readToEnd() == "")
        await client.close()
        await test.stop()
    }

    @Test("an error that a handler throws becomes its answer, and the connection lives")
    func thrownErrors() async throws {
        struct Secret: Error {}
        let test = try await TestServer { request in
            if request.path == "/teapot" { throw HTTPError(.conflict, "No.", headers: [.retryAfter: "1"]) }
            if request.path == "/fault" { throw Secret() }
            if request.path == "/status" { return Response(status: .init(code: 999)) }
            return Response(status: .ok)
        }
        let client = try await test.connect()
        let conflict = try await client.get("/teapot")
        #expect(conflict.status == 409)
        #expect(conflict.body == "No.\n")
        #expect(conflict["retry-after"] == "1")
        let fault = try await client.get("/fault")
        #expect(fault.status == 500)
        #expect(!fault.body.contains("Secret"))
        let id = try #require(fault["x-request-id"])
        #expect(test.log.all.contains { $0.contains("Secret") && $0.contains(id) })
        #expect(try await client.get("/status").status == 500)
        #expect(try await client.get().status == 200)
        await client.close()
        await test.stop()
    }

    @Test("error answers are the service's own, whoever found the error")
    func errorResponse() async throws {
        let loop = try EventLoop(name: "own")
        let server = Server(
            loop: loop, logger: Logger(label: "test") { _ in LogRecorder().handler }, responder: Router(),
            errorResponse: { error, id in
                Response(status: error.status, body: .bytes(Array("\(error.status.code) \(id)".utf8)))
            })
        let port = try await server.start(host: "127.0.0.1", port: 0)
        let client = try await TestClient(loop: loop, port: port)
        let unknown = try await client.get("/nope")
        #expect(unknown.body == "404 \(unknown["x-request-id"] ?? "")")
        try await client.send("GET / HTTP/1.1\r\nHost: a\r\nX-Request-Id: mine\r\nExpect: x\r\n\r\n")
        #expect(try await client.readAnswer().body == "417 mine")
        await client.close()
        await server.shutdown()
        loop.stop()
    }

    @Test("OPTIONS * is answered")
    func asterisk() async throws {
        let test = try await TestServer { try await Router().respond(to: $0) }
        let answer = try await test.exchange("OPTIONS * HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        #expect(answer.hasPrefix("HTTP/1.1 204 No Content\r\n"))
        await test.stop()
    }

    @Test(
        "a bad request gets its answer though more is on its way",
        arguments: [
            ("GET / HTTP/1.1\r\n\r\n", 400), ("GET / HTTP/2.0\r\nHost: a\r\n\r\n", 505),
            ("CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n", 501),
            ("GET / HTTP/1.1\r\nHost: a\r\nExpect: x\r\n\r\n", 417),
            ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999\r\n\r\n", 413),
        ])
    func lingering(text: String, status: Int) async throws {
        let test = try await TestServer()
        let client = try await test.connect()
        try await client.send(text + String(repeating: "x", count: 200_000))
        let answer = try await client.readAnswer()
        #expect(answer.status == status)
        #expect(answer["connection"] == "close")
        #expect(answer["date"] != nil)
        #expect(try await client.readToEnd() == "")
        await client.close()
        await test.stop()
    }

    @Test(
        "a target or a head beyond the limits is 414 or 431",
        arguments: [
            ("GET /" + String(repeating: "a", count: 9000) + " HTTP/1.1\r\nHost: a\r\n\r\n", "414"),
            ("GET / HTTP/1.1\r\nHost: a\r\nA: " + String(repeating: "a", count: 9000) + "\r\n\r\n", "431"),
        ])
    func tooLarge(text: String, status: String) async throws {
        let test = try await TestServer()
        #expect(try await test.exchange(text).hasPrefix("HTTP/1.1 \(status) "))
        await test.stop()
    }

    @Test("hundreds of connections at once are served")
    func manyConnections() async throws {
        let test = try await TestServer()
        try await withThrowingTaskGroup(of: Void.self) { group in
            for number in 0..<200 {
                group.addTask {
                    let client = try await test.connect()
                    for _ in 0..<5 {
                        let answer = try await client.get("/\(number)")
                        #expect(answer.body == "/\(number)")
                    }
                    await client.close()
                }
            }
            try await group.waitForAll()
        }
        #expect(await test.server.counters.requests == 1000)
        await test.stop()
    }
}
