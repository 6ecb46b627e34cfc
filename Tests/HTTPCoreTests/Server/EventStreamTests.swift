import HTTPCore
import HTTPTypes
import Synchronization
import Testing

@Suite struct EventStreamTests {
    /// A loop for the streams' timers that outlives the server's handlers.
    private func withEvents(
        keepAlive: Duration = .seconds(60), limits: ServerLimits = TestServer.makeLimits(),
        produce: @escaping @Sendable (EventStream, Request) async throws -> Void,
        _ body: (TestServer, TestClient) async throws -> Void
    ) async throws {
        let timers = try EventLoop(name: "timers")
        let server = try await TestServer(limits: limits) { request in
            Response.events(on: timers, keepAlive: keepAlive) { try await produce($0, request) }
        }
        let client = try await server.connect()
        try await body(server, client)
        await client.close()
        await server.stop()
        timers.stop()
    }

    private let ask = "GET / HTTP/1.1\r\nHost: a\r\n\r\n"

    /// Reads until `mark` has come.
    private func read(_ client: TestClient, until mark: String) async throws -> String {
        var text = ""
        while !text.contains(mark) {
            guard let bytes = try await client.socket.read() else { throw TestClient.Ended() }
            text += String(decoding: bytes, as: UTF8.self)
        }
        return text
    }

    @Test func eventsComeAsAnUncachedStreamThatEndsWithItsProducer() async throws {
        let produce: @Sendable (EventStream, Request) async throws -> Void = { stream, _ in
            try await stream.send(ServerSentEvent(id: "1", data: "a\nb"))
            try await stream.send(ServerSentEvent(event: "end", data: ""))
        }
        try await withEvents(produce: produce) { _, client in
            let answer = try await client.get()
            #expect(answer["content-type"] == "text/event-stream")
            #expect(answer["cache-control"] == "no-store")
            #expect(answer["x-accel-buffering"] == "no")
            #expect(answer["content-length"] == nil)
            #expect(answer.body == "id: 1\ndata: a\ndata: b\n\nevent: end\ndata: \n\n")
            // The connection is fit for more.
            #expect(try await client.get().status == 200)
        }
    }

    @Test func theHeadLeavesBeforeTheFirstEvent() async throws {
        let gate = Gate()
        try await withEvents { stream, _ in
            await gate.wait()
            try await stream.send(ServerSentEvent(data: "late"))
        } _: { _, client in
            try await client.send(ask)
            let head = try await read(client, until: "\r\n\r\n")
            #expect(head.hasPrefix("HTTP/1.1 200") && !head.contains("late"))
            gate.open()
            #expect(try await read(client, until: "late").contains("data: late\n\n"))
        }
    }

    @Test func aClientThatComesBackIsServedFromWhereItWas() async throws {
        try await withEvents { stream, request in
            let next = (request.lastEventID.flatMap { Int($0) } ?? 0) + 1
            for id in next...4 { try await stream.send(ServerSentEvent(id: "\(id)", data: "")) }
        } _: { _, client in
            try await client.send("GET / HTTP/1.1\r\nHost: a\r\nLast-Event-ID: 2\r\n\r\n")
            #expect(try await client.readAnswer().body == "id: 3\ndata: \n\nid: 4\ndata: \n\n")
        }
    }

    @Test func silenceIsFilledWithCommentsThatEndWithTheStream() async throws {
        let gate = Gate()
        try await withEvents(keepAlive: .milliseconds(20)) { stream, _ in
            await gate.wait()
            try await stream.send(ServerSentEvent(data: "x"))
        } _: { _, client in
            try await client.send(ask)
            _ = try await read(client, until: "\r\n:\n\n\r\n")
            gate.open()
            let rest = try await read(client, until: "0\r\n\r\n")
            #expect(rest.hasSuffix("\r\n0\r\n\r\n"))
            #expect(try await client.get().status == 200)
        }
    }

    @Test func aClientThatLeavesCancelsTheProducer() async throws {
        let begun = Gate()
        let cancelled = Gate()
        let limits = TestServer.makeLimits { $0.halfCloseTimeout = .milliseconds(20) }
        try await withEvents(limits: limits) { _, _ in
            begun.open()
            await withTaskCancellationHandler {
                await cancelled.wait()
            } onCancel: {
                cancelled.open()
            }
        } _: { _, client in
            try await client.send(ask)
            await begun.wait()
            await client.close()
            await cancelled.wait()
        }
    }

    @Test func aSlowClientHoldsTheProducerUpAndMissesNothing() async throws {
        let sent = Mutex(0)
        let event = ServerSentEvent(data: String(repeating: "x", count: 10_000))
        let count = 4000
        try await withEvents(keepAlive: .milliseconds(1)) { stream, _ in
            for _ in 0..<count {
                try await stream.send(event)
                sent.withLock { $0 += 1 }
            }
        } _: { _, client in
            try await client.send(ask)
            var text = ""
            var received = 0
            var lead = 0
            while !text.hasSuffix("\r\n0\r\n\r\n") {
                guard let bytes = try await client.socket.read() else { throw TestClient.Ended() }
                received += bytes.count
                lead = max(lead, sent.withLock { $0 } * 10_000 - received)
                text += String(decoding: bytes, as: UTF8.self)
            }
            #expect(text.split(separator: "data: ").count - 1 == count)
            // What the kernel buffers on both sides, and little more; the whole stream is 40 MB.
            #expect(lead < 16 << 20)
        }
    }

    @Test func anEventThatCannotBeSentEndsTheStreamWithoutItsEnd() async throws {
        try await withEvents { stream, _ in
            try await stream.send(ServerSentEvent(data: "x"))
            try await stream.send(ServerSentEvent(id: "\n", data: "y"))
        } _: { server, client in
            try await client.send(ask)
            var text = ""
            do {
                while let bytes = try await client.socket.read() {
                    text += String(decoding: bytes, as: UTF8.self)
                }
            } catch {
                // Cut off, not closed: the client must not take the stream for whole.
            }
            #expect(!text.contains("data: y") && !text.hasSuffix("0\r\n\r\n"))
            #expect(server.log.all.contains { $0.contains("malformedID") })
        }
    }
}

/// Opens once, for everybody who waits.
private final class Gate: Sendable {
    private struct State {
        var isOpen = false
        var waiters: [CheckedContinuation<Void, Never>] = []
    }

    private let state = Mutex(State())

    func open() {
        let waiters = state.withLock { state in
            state.isOpen = true
            defer { state.waiters = [] }
            return state.waiters
        }
        for waiter in waiters { waiter.resume() }
    }

    func wait() async {
        await withCheckedContinuation { continuation in
            let isOpen = state.withLock { state in
                if !state.isOpen { state.waiters.append(continuation) }
                return state.isOpen
            }
            if isOpen { continuation.resume() }
        }
    }
}
