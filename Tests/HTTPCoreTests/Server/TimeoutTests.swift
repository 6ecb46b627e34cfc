import HTTPCore
import HTTPTypes
import Synchronization
import Testing

@Suite(.timeLimit(.minutes(1))) struct TimeoutTests {
    @Test("a head that trickles in is 408 at its absolute deadline")
    func head() async throws {
        let test = try await TestServer(
            limits: TestServer.makeLimits { $0.headerTimeout = .milliseconds(500) })
        let client = try await test.connect()
        try await client.send("GET / HTTP/1.1\r\nHost: ")
        // It would go on for ever if a byte renewed the time.
        let trickle = Task {
            while true {
                try await client.send("a")
                try await test.loop.sleep(for: .milliseconds(20))
            }
        }
        let answer = try await client.readAnswer()
        #expect(answer.status == 408)
        #expect(answer["connection"] == "close")
        trickle.cancel()
        _ = try? await trickle.value
        await client.close()
        await test.stop()
    }

    @Test("a client that never says anything is let go without an answer")
    func silence() async throws {
        let test = try await TestServer(
            limits: TestServer.makeLimits { $0.headerTimeout = .milliseconds(50) })
        let client = try await test.connect()
        #expect(try await client.readToEnd() == "")
        await client.close()
        await test.stop()
    }

    @Test("an idle connection is closed without an answer")
    func idle() async throws {
        let test = try await TestServer(limits: TestServer.makeLimits { $0.idleTimeout = .milliseconds(50) })
        let client = try await test.connect()
        #expect(try await client.get().status == 200)
        #expect(try await client.readToEnd() == "")
        #expect(await test.server.counters.causes[.idleTimeout] == 1)
        await client.close()
        await test.stop()
    }

    @Test("a second request's head has its own deadline, from its first byte")
    func secondHead() async throws {
        let limits = TestServer.makeLimits {
            $0.headerTimeout = .milliseconds(500)
            $0.idleTimeout = .seconds(30)
        }
        let test = try await TestServer(limits: limits)
        let client = try await test.connect()
        #expect(try await client.get().status == 200)
        try await test.loop.sleep(for: .milliseconds(700))
        #expect(try await client.get().status == 200)
        try await client.send("GET / HT")
        #expect(try await client.readAnswer().status == 408)
        await client.close()
        await test.stop()
    }

    @Test("a body that stalls, or trickles too slowly, is 408", arguments: [false, true])
    func body(trickles: Bool) async throws {
        let test = try await TestServer(limits: TestServer.makeLimits { $0.bodyTimeout = .milliseconds(150) })
        let client = try await test.connect()
        try await client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\nx")
        let trickle = Task {
            while trickles {
                try await client.send("x")
                try await test.loop.sleep(for: .milliseconds(20))
            }
        }
        let answer = try await client.readAnswer()
        #expect(answer.status == 408)
        #expect(answer["connection"] == "close")
        trickle.cancel()
        _ = try? await trickle.value
        await client.close()
        await test.stop()
    }

    @Test("a client that does not take its answer is cut off, and its producer told")
    func write() async throws {
        let failed = Mutex(false)
        let test = try await TestServer(
            limits: TestServer.makeLimits { $0.writeTimeout = .milliseconds(100) }
        ) { _ in
            Response(
                status: .ok,
                body: .stream(length: nil) { writer in
                    do {
                        while true { try await writer.write([UInt8](repeating: 0, count: 1 << 20)) }
                    } catch {
                        failed.withLock { $0 = true }
                        throw error
                    }
                })
        }
        let client = try await test.connect()
        try await client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        while !failed.withLock({ $0 }) { try await test.loop.sleep(for: .milliseconds(10)) }
        #expect(await test.server.counters.causes[.writeTimeout] == 1)
        await client.close()
        await test.stop()
    }

    @Test("a handler whose client has gone is cancelled", arguments: [false, true])
    func clientGone(resets: Bool) async throws {
        let cancelled = Mutex(false)
        let started = Mutex(false)
        let aside = try EventLoop(name: "aside")
        let test = try await TestServer(
            limits: TestServer.makeLimits { $0.halfCloseTimeout = .milliseconds(30) }
        ) { request in
            if request.path == "/first" { return Response(status: .ok) }
            started.withLock { $0 = true }
            do {
                try await aside.sleep(for: .seconds(3600))
            } catch {
                cancelled.withLock { $0 = true }
                throw error
            }
            return Response(status: .ok)
        }
        let client = try await test.connect()
        // An answer that was not read turns the close into a reset.
        if resets { try await client.send("GET /first HTTP/1.1\r\nHost: a\r\n\r\n") }
        try await client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        while !started.withLock({ $0 }) { try await aside.sleep(for: .milliseconds(5)) }
        await client.close()
        while !cancelled.withLock({ $0 }) { try await aside.sleep(for: .milliseconds(5)) }
        #expect(test.log.all.isEmpty)
        await test.stop()
        aside.stop()
    }
}

@Suite(.timeLimit(.minutes(1))) struct ShutdownTests {
    @Test("what is in flight finishes with Connection: close, idle connections close at once")
    func finishes() async throws {
        let aside = try EventLoop(name: "aside")
        let mayAnswer = Mutex(false)
        let test = try await TestServer { request in
            while request.path == "/slow", !mayAnswer.withLock({ $0 }) {
                try await aside.sleep(for: .milliseconds(5))
            }
            return Response(status: .ok, body: .bytes(Array(request.path.utf8)))
        }
        let idle = try await test.connect()
        _ = try await idle.get()
        let silent = try await test.connect()
        let busy = try await test.connect()
        try await busy.send("GET /slow HTTP/1.1\r\nHost: a\r\n\r\n")
        while await test.server.counters.requests < 2 { try await aside.sleep(for: .milliseconds(5)) }
        async let down: Void = test.server.shutdown()
        #expect(try await idle.readToEnd() == "")
        #expect(try await silent.readToEnd() == "")
        mayAnswer.withLock { $0 = true }
        let answer = try await busy.readAnswer()
        #expect(answer.body == "/slow")
        #expect(answer["connection"] == "close")
        #expect(try await busy.readToEnd() == "")
        for client in [idle, silent, busy] { await client.close() }
        await down
        await #expect(throws: SystemError.self) { try await test.connect() }
        #expect(await test.server.counters.openConnections == 0)
        test.loop.stop()
        aside.stop()
    }

    @Test("what does not finish in time is cut off")
    func hardDeadline() async throws {
        let aside = try EventLoop(name: "aside")
        let test = try await TestServer(limits: TestServer.makeLimits { $0.drainTimeout = .milliseconds(50) })
        { _ in
            try await aside.sleep(for: .seconds(3600))
            return Response(status: .ok)
        }
        let client = try await test.connect()
        try await client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        while await test.server.counters.requests < 1 { try await aside.sleep(for: .milliseconds(5)) }
        await test.server.shutdown()
        await #expect(throws: (any Error).self) { try await client.readAnswer() }
        await client.close()
        test.loop.stop()
        aside.stop()
    }

    @Test("shutting down twice, at once, or before a start is fine; a start behind it is not")
    func twice() async throws {
        let test = try await TestServer()
        async let first: Void = test.server.shutdown()
        async let second: Void = test.server.shutdown()
        _ = await (first, second)
        await test.server.shutdown()
        await #expect(throws: SystemError.self) { try await test.server.start(host: "127.0.0.1", port: 0) }
        test.loop.stop()
    }

    @Test("a streamed body is finished while the server drains")
    func finishesStream() async throws {
        let aside = try EventLoop(name: "aside")
        let test = try await TestServer { _ in
            Response(
                status: .ok,
                body: .stream(length: nil) { writer in
                    for _ in 0..<5 {
                        try await writer.write(Array("x".utf8))
                        try await aside.sleep(for: .milliseconds(20))
                    }
                })
        }
        let client = try await test.connect()
        try await client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        while await test.server.counters.requests < 1 { try await aside.sleep(for: .milliseconds(5)) }
        async let down: Void = test.server.shutdown()
        #expect(try await client.readAnswer().body == "xxxxx")
        #expect(try await client.readToEnd() == "")
        await client.close()
        await down
        test.loop.stop()
        aside.stop()
    }
}
