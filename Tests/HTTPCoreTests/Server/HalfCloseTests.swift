import HTTPCore
import HTTPTypes
import Synchronization
import Testing

@Suite(.timeLimit(.minutes(1))) struct HalfCloseTests {
    private static let limits = TestServer.makeLimits { $0.halfCloseTimeout = .milliseconds(50) }

    @Test("a handler that does not read its body is cancelled when its client leaves")
    func unreadBody() async throws {
        let cancelled = Mutex(false)
        let aside = try EventLoop(name: "aside")
        let test = try await TestServer(limits: Self.limits) { _ in
            defer { cancelled.withLock { $0 = Task.isCancelled } }
            try await aside.sleep(for: .seconds(3600))
            return Response(status: .ok)
        }
        let client = try await test.connect()
        try await client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhello")
        while await test.server.counters.requests < 1 { await test.loop.yield() }
        await client.close()
        while await test.server.counters.openConnections > 0 { try await aside.sleep(for: .milliseconds(5)) }
        #expect(cancelled.withLock { $0 })
        await test.stop()
        aside.stop()
    }

    @Test(
        "a client that has ended its side still gets an answer that is longer in coming than its time, piece by piece"
    )
    func slowStream() async throws {
        let aside = try EventLoop(name: "aside")
        let test = try await TestServer(
            limits: TestServer.makeLimits { $0.halfCloseTimeout = .milliseconds(400) }
        ) { _ in
            Response(
                status: .ok,
                body: .stream(length: nil) { writer in
                    for _ in 0..<10 {
                        try await writer.write(Array("x".utf8))
                        try await aside.sleep(for: .milliseconds(80))
                    }
                })
        }
        let client = try await test.connect()
        try await client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        await client.finishWriting()
        #expect(try await client.readAnswer().body == "xxxxxxxxxx")
        await client.close()
        await test.stop()
        aside.stop()
    }

    @Test("a client that has ended its side may read its answer slowly")
    func slowReader() async throws {
        let total = 8 << 20
        let test = try await TestServer(limits: Self.limits) { _ in
            Response(
                status: .ok,
                body: .stream(length: total) { writer in
                    let piece = [UInt8](repeating: 0x62, count: 64 << 10)
                    for _ in 0..<(total / piece.count) { try await writer.write(piece) }
                })
        }
        let client = try await test.connect()
        try await client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        await client.finishWriting()
        try await test.loop.sleep(for: .milliseconds(200))
        #expect(try await client.readAnswer().body.utf8.count == total)
        await client.close()
        await test.stop()
    }

    @Test("a body that its client has sent before it ended its side may be read slowly")
    func slowUpload() async throws {
        let aside = try EventLoop(name: "aside")
        let test = try await TestServer(
            limits: TestServer.makeLimits { $0.halfCloseTimeout = .milliseconds(400) }
        ) {
            request in
            var count = 0
            for try await piece in request.body {
                count += piece.count
                try await aside.sleep(for: .milliseconds(100))
            }
            return Response(status: .ok, body: .bytes(Array("\(count)".utf8)))
        }
        let client = try await test.connect()
        // More than one read takes.
        let size = 600 << 10
        try await client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: \(size)\r\n\r\n")
        try await client.socket.write([UInt8](repeating: 0x63, count: size))
        await client.finishWriting()
        #expect(try await client.readAnswer().body == "\(size)")
        await client.close()
        await test.stop()
        aside.stop()
    }
}
