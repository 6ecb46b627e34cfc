import HTTPCore
import HTTPTypes
import Synchronization
import Testing

@Suite(.timeLimit(.minutes(1))) struct ConnectionLimitTests {
    @Test("one connection too many of an address is a 503 that no handler sees, and its place comes back")
    func perAddress() async throws {
        let test = try await TestServer(limits: TestServer.makeLimits { $0.maxConnectionsPerAddress = 1 })
        let first = try await test.connect()
        _ = try await first.get()
        let second = try await test.connect()
        let answer = try await second.readAnswer()
        #expect(answer.status == 503)
        #expect(answer["connection"] == "close")
        #expect(answer["retry-after"] == "1")
        #expect(answer["date"] != nil && answer["x-request-id"] != nil)
        #expect(try await second.readToEnd() == "")
        await second.close()
        #expect(try await first.get().status == 200)
        let counters = await test.server.counters
        #expect(counters.requests == 2)
        #expect(counters.causes == [.tooManyConnections: 1])
        await first.close()
        while await test.server.counters.openConnections > 0 { await test.loop.yield() }
        let third = try await test.connect()
        #expect(try await third.get().status == 200)
        await third.close()
        await test.stop()
    }

    @Test("connections beyond the limit wait until one closes, where none is idle")
    func waitsForPlace() async throws {
        let test = try await TestServer(
            limits: TestServer.makeLimits {
                $0.maxConnections = 2
                // The place that is free is taken at once, not after a rest.
                $0.acceptBackOff = .seconds(3600)
            })
        let silent = [try await test.connect(), try await test.connect()]
        while await test.server.counters.acceptedConnections < 2 { await test.loop.yield() }
        let third = try await test.connect()
        try await third.send("GET /third HTTP/1.1\r\nHost: a\r\n\r\n")
        try await test.loop.sleep(for: .milliseconds(20))
        #expect(await test.server.counters.acceptedConnections == 2)
        await silent[0].close()
        #expect(try await third.readAnswer().body == "/third")
        for client in [silent[1], third] { await client.close() }
        await test.stop()
    }

    @Test("idle connections make room for new ones; those with a request at work do not")
    func idleMakeRoom() async throws {
        let mayAnswer = Mutex(false)
        let test = try await TestServer(
            limits: TestServer.makeLimits {
                $0.maxConnections = 2
                $0.acceptBackOff = .milliseconds(10)
            }
        ) { request in
            while request.path == "/busy", !mayAnswer.withLock({ $0 }) { await Task.yield() }
            return Response(status: .ok, body: .bytes(Array(request.path.utf8)))
        }
        let idle = try await test.connect()
        _ = try await idle.get()
        let busy = try await test.connect()
        try await busy.send("GET /busy HTTP/1.1\r\nHost: a\r\n\r\n")
        while await test.server.counters.requests < 2 { await test.loop.yield() }
        let new = try await test.connect()
        #expect(try await new.get("/new").body == "/new")
        #expect(try await idle.readToEnd() == "")
        mayAnswer.withLock { $0 = true }
        let answer = try await busy.readAnswer()
        #expect(answer.body == "/busy")
        #expect(answer["connection"] == nil)
        #expect(await test.server.counters.shedConnections == 1)
        for client in [idle, busy, new] { await client.close() }
        await test.stop()
    }
}
