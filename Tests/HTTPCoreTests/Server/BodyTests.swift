import HTTPCore
import HTTPTypes
import Synchronization
import Testing

@Suite(.timeLimit(.minutes(1))) struct BodyTests {
    /// Gives the body back as it comes, in as many chunks.
    private static let streamedEcho: @Sendable (Request) async throws -> Response = { request in
        Response(
            status: .ok,
            body: .stream(length: request.body.length) { writer in
                for try await piece in request.body { try await writer.write(piece) }
            })
    }

    @Test(
        "bodies come in by length and by chunks, and the connection goes on",
        arguments: [
            "Content-Length: 5\r\n\r\nhello",
            "Transfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3;a=b\r\nllo\r\n0\r\nX: y\r\n\r\n",
        ])
    func framings(rest: String) async throws {
        for handler in [TestServer.echo, Self.streamedEcho] {
            let test = try await TestServer(handler)
            let client = try await test.connect()
            for _ in 0..<3 {
                try await client.send("POST / HTTP/1.1\r\nHost: a\r\n\(rest)")
                #expect(try await client.readAnswer().body == "hello")
            }
            await client.close()
            await test.stop()
        }
    }

    @Test("megabytes are streamed through, both ways at once")
    func largeEcho() async throws {
        let test = try await TestServer(Self.streamedEcho)
        let client = try await test.connect()
        let megabytes = 8
        let piece = [UInt8](repeating: 0x61, count: 1 << 20)
        try await client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: \(megabytes << 20)\r\n\r\n")
        let socket = client.socket
        async let sending: Void = {
            for _ in 0..<megabytes { try await socket.write(piece) }
        }()
        let answer = try await client.readAnswer()
        try await sending
        #expect(answer.body.utf8.count == megabytes << 20)
        await client.close()
        await test.stop()
    }

    @Test("100 Continue is sent when the body is first read, and not before")
    func expectContinue() async throws {
        let test = try await TestServer { request in
            if request.path == "/refuse" { throw HTTPError(.forbidden) }
            if request.path == "/large" { _ = try await request.body.collect(upTo: 2) }
            return try await TestServer.echo(request)
        }
        let expecting = "Host: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n"
        let client = try await test.connect()
        try await client.send("POST / HTTP/1.1\r\n\(expecting)")
        #expect(try await client.readAnswer().status == 100)
        try await client.send("hello")
        #expect(try await client.readAnswer().body == "hello")
        try await client.send("POST /refuse HTTP/1.1\r\n\(expecting)")
        let refusal = try await client.readAnswer()
        #expect(refusal.status == 403)
        #expect(refusal["connection"] == "close")
        await client.close()
        let other = try await test.connect()
        try await other.send("POST /large HTTP/1.1\r\n\(expecting)")
        #expect(try await other.readAnswer().status == 413)
        await other.close()
        await test.stop()
    }

    @Test("a body that is there already is not asked for")
    func continueNotNeeded() async throws {
        let test = try await TestServer(Self.streamedEcho)
        let client = try await test.connect()
        try await client.send("POST / HTTP/1.0\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\nhi")
        #expect(try await client.readAnswer().body == "hi")
        await client.close()
        await test.stop()
    }

    @Test("no 100 Continue is sent to a client that sends its body with the head")
    func continueTooLate() async throws {
        let test = try await TestServer()
        let client = try await test.connect()
        for framing in [
            "Content-Length: 2\r\n\r\nhi", "Transfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n",
        ] {
            try await client.send("POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n\(framing)")
            let answer = try await client.readAnswer()
            #expect(answer.status == 200)
            #expect(answer.body == "hi")
            #expect(answer["connection"] == nil)
        }
        await client.close()
        await test.stop()
    }

    @Test("an unread body is dropped when it is small, else the connection ends")
    func unread() async throws {
        let test = try await TestServer(limits: TestServer.makeLimits { $0.maxUnreadBodyBytes = 1000 }) {
            request in
            Response(status: .ok, body: .bytes(Array(request.path.utf8)))
        }
        let client = try await test.connect()
        try await client.send("POST /1 HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n")
        #expect(try await client.readAnswer()["connection"] == nil)
        try await client.send(String(repeating: "x", count: 1000))
        try await client.send(
            "POST /2 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n")
        #expect(try await client.readAnswer().body == "/2")
        try await client.send("POST /3 HTTP/1.1\r\nHost: a\r\nContent-Length: 1001\r\n\r\n")
        #expect(try await client.readAnswer()["connection"] == "close")
        await client.close()
        await test.stop()
    }

    @Test("a body beyond the limit is 413, announced or not")
    func tooLarge() async throws {
        let test = try await TestServer(limits: TestServer.makeLimits { $0.maxBodyBytes = 10 })
        let announced = try await test.exchange("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 11\r\n\r\n")
        #expect(announced.hasPrefix("HTTP/1.1 413 "))
        let chunked = try await test.exchange(
            "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nb\r\n0123456789a\r\n0\r\n\r\n")
        #expect(chunked.hasPrefix("HTTP/1.1 413 "))
        #expect(chunked.contains("Connection: close\r\n"))
        await test.stop()
    }

    @Test(
        "a body that is malformed or ends early is 400 and ends the connection",
        arguments: [
            "Transfer-Encoding: chunked\r\n\r\n5\r\nhelloX", "Transfer-Encoding: chunked\r\n\r\nzz\r\n",
        ])
    func malformed(rest: String) async throws {
        let test = try await TestServer()
        let answer = try await test.exchange("POST / HTTP/1.1\r\nHost: a\r\n\(rest)")
        #expect(answer.hasPrefix("HTTP/1.1 400 "))
        #expect(answer.contains("Connection: close\r\n"))
        await test.stop()
    }

    @Test("a client that ends its side within a body gets a 400")
    func endsEarly() async throws {
        let test = try await TestServer()
        let client = try await test.connect()
        try await client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhello")
        await client.finishWriting()
        #expect(try await client.readAnswer().status == 400)
        await client.close()
        await test.stop()
    }

    @Test("streamed answers are chunked, of a length, or end with the connection")
    func streams() async throws {
        let test = try await TestServer { request in
            Response(
                status: .ok,
                body: .stream(length: request.path == "/length" ? 6 : nil) { writer in
                    for piece in ["ab", "", "cd", "ef"] { try await writer.write(Array(piece.utf8)) }
                })
        }
        let client = try await test.connect()
        let chunked = try await client.get("/chunked")
        #expect(chunked["transfer-encoding"] == "chunked")
        #expect(chunked.body == "abcdef")
        let length = try await client.get("/length")
        #expect(length["content-length"] == "6")
        #expect(length.body == "abcdef")
        try await client.send("GET /old HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
        let old = try await client.readAnswer()
        #expect(old["connection"] == "close")
        #expect(old["transfer-encoding"] == nil)
        #expect(old.body == "abcdef")
        await client.close()
        await test.stop()
    }

    @Test("an error before the first write is an answer; one after it cuts the answer off")
    func streamFailures() async throws {
        let test = try await TestServer { request in
            Response(
                status: .ok,
                body: .stream(length: request.path == "/short" ? 10 : nil) { writer in
                    if request.path != "/early" { try await writer.write(Array("part".utf8)) }
                    if request.path != "/short" { throw HTTPError(.gone) }
                })
        }
        let client = try await test.connect()
        #expect(try await client.get("/early").status == 410)
        await #expect(throws: (any Error).self) { try await client.get("/late") }
        await client.close()
        let other = try await test.connect()
        await #expect(throws: (any Error).self) { try await other.get("/short") }
        await other.close()
        #expect(test.log.all.filter { $0.contains("cut off") }.count == 2)
        await test.stop()
    }

    @Test("an answer that fails half-way is visibly cut short, and leaves the good ones before it whole")
    func failureBehindGoodAnswers() async throws {
        let content = [UInt8](repeating: 0x61, count: 200_000)
        let test = try await TestServer { request in
            guard request.path == "/late" else { return Response(status: .ok, body: .bytes(content)) }
            return Response(
                status: .ok,
                body: .stream(length: nil) { writer in
                    try await writer.write(Array("part".utf8))
                    throw HTTPError(.gone)
                })
        }
        let text = try await test.exchange(
            "GET / HTTP/1.1\r\nHost: a\r\n\r\nGET /late HTTP/1.1\r\nHost: a\r\n\r\n")
        #expect(text.utf8.count { $0 == 0x61 } > content.count)
        #expect(text.hasSuffix("\r\n\r\n4\r\npart\r\n"))
        await test.stop()
    }

    @Test("a producer waits for a slow reader, so that memory stays bounded")
    func backPressure() async throws {
        let produced = Mutex(0)
        let total = 64 << 20
        let test = try await TestServer { _ in
            Response(
                status: .ok,
                body: .stream(length: total) { writer in
                    let piece = [UInt8](repeating: 0x62, count: 64 << 10)
                    for _ in 0..<(total / piece.count) {
                        try await writer.write(piece)
                        produced.withLock { $0 += piece.count }
                    }
                })
        }
        let client = try await test.connect()
        try await client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        try await test.loop.sleep(for: .milliseconds(200))
        // What the kernel buffers on both sides, and little more.
        #expect(produced.withLock { $0 } < 32 << 20)
        #expect(try await client.readAnswer().body.utf8.count == total)
        #expect(produced.withLock { $0 } == total)
        await client.close()
        await test.stop()
    }

    @Test("a body or a writer that outlives its request is refused")
    func outlived() async throws {
        let kept = Mutex<RequestBody?>(nil)
        let test = try await TestServer { request in
            kept.withLock { if $0 == nil { $0 = request.body } }
            return Response(status: .ok)
        }
        let client = try await test.connect()
        try await client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi")
        _ = try await client.readAnswer()
        let body = try #require(kept.withLock { $0 })
        await #expect(throws: (any Error).self) { try await body.collect(upTo: 10) }
        _ = try await client.get()
        await client.close()
        await test.stop()
    }
}
