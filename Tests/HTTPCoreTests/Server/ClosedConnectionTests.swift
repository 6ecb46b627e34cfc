import HTTPCore
import HTTPTypes
import Logging
import Synchronization
import Testing

/// What is still under way when a connection is closed.
@Suite(.timeLimit(.minutes(1))) struct ClosedConnectionTests {
    private final class Counter: Sendable {
        private let count = Atomic(0)
        var value: Int { count.load(ordering: .relaxed) }
        func increment() { count.add(1, ordering: .relaxed) }
    }

    private struct Immediate: Responder {
        func handler(for request: inout Request) -> HTTPCore.Handler {
            .immediate { _ in Response(status: .ok, body: .bytes(Array("fine".utf8))) }
        }
    }

    @Test("a refusal that waits its turn is dropped when its client resets, and nobody else gets it")
    func refusal() async throws {
        let loop = try EventLoop(name: "server")
        let observer = CountingObserver()
        let server = Server(
            loop: loop, limits: TestServer.makeLimits(),
            logger: Logger(label: "test") { _ in LogRecorder().handler }, responder: Immediate(),
            observer: observer)
        let port = try await server.start(host: "127.0.0.1", port: 0)
        let client = try PlainClient(port: port)
        client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        _ = client.read()
        let next = Mutex<PlainClient?>(nil)
        // A loop with more jobs than it runs in one turn: it looks at its sockets between them.
        loop.execute {
            for index in 0..<4096 {
                loop.execute {
                    switch index {
                    case 0: client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\nnonsense\r\n\r\n")
                    case 1024: client.reset()
                    case 2048: next.withLock { $0 = try? PlainClient(port: port) }
                    default: break
                    }
                }
            }
        }
        while observer.all.opened < 2 { await loop.yield() }
        for _ in 0..<100 { await loop.yield() }
        let other = try #require(next.withLock { $0 })
        other.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        let answer = String(decoding: other.readToEnd(), as: UTF8.self)
        #expect(answer.hasPrefix("HTTP/1.1 200 OK\r\n"))
        #expect(answer.hasSuffix("fine"))
        other.close()
        await server.shutdown()
        #expect(observer.all.opened == 2)
        #expect(observer.all.closed == 2)
        loop.stop()
    }

    @Test("a body's deadline does not outlive its connection")
    func bodyDeadline() async throws {
        let aside = try EventLoop(name: "aside")
        let client = Mutex<PlainClient?>(nil)
        let queued = Counter()
        let test = try await TestServer(
            limits: TestServer.makeLimits { $0.bodyTimeout = .milliseconds(100) }
        ) { request in
            Response(
                status: .ok,
                body: .stream(length: nil) { writer in
                    // Until the client's window is full.
                    let producer = Task {
                        while true {
                            try await writer.write([UInt8](repeating: 0, count: 32 << 10))
                            queued.increment()
                        }
                    }
                    var before = -1
                    while before != queued.value {
                        before = queued.value
                        try await aside.sleep(for: .milliseconds(100))
                    }
                    for try await _ in request.body { client.withLock { $0?.reset() } }
                    _ = try await producer.value
                })
        }
        let plain = try PlainClient(port: test.port, receiveBytes: 4096)
        client.withLock { $0 = plain }
        plain.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhello")
        while await test.server.counters.requests < 1 { await test.loop.yield() }
        while await test.server.counters.openConnections > 0 { try await aside.sleep(for: .milliseconds(5)) }
        // The deadline passes.
        try await test.loop.sleep(for: .milliseconds(200))
        await test.stop()
        aside.stop()
    }

    @Test("whoever still reads the body of an answered request is told that it is over")
    func leftReader() async throws {
        let reader = Mutex<Task<Void, any Error>?>(nil)
        let test = try await TestServer { request in
            let pieces = Counter()
            let body = request.body
            let task = Task { for try await _ in body { pieces.increment() } }
            reader.withLock { $0 = task }
            while pieces.value == 0 { await Task.yield() }
            return Response(status: .ok)
        }
        let client = try await test.connect()
        try await client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhello")
        #expect(try await client.readAnswer().status == 200)
        await client.close()
        while await test.server.counters.openConnections > 0 { await test.loop.yield() }
        let task = try #require(reader.withLock { $0 })
        let isOver = Counter()
        Task {
            _ = try? await task.value
            isOver.increment()
        }
        for _ in 0..<1000 where isOver.value == 0 { try await test.loop.sleep(for: .milliseconds(5)) }
        #expect(isOver.value == 1)
        await test.stop()
    }

    @Test("the summary of an answer whose client left in its middle is not that of a complete one")
    func summary() async throws {
        let loop = try EventLoop(name: "server")
        let observer = CountingObserver()
        let server = Server(
            loop: loop, limits: TestServer.makeLimits(),
            logger: Logger(label: "test") { _ in LogRecorder().handler },
            responder: TestServer.OneHandler { _ in
                Response(
                    status: .ok,
                    body: .stream(length: nil) { writer in
                        while true { try await writer.write([UInt8](repeating: 0, count: 32 << 10)) }
                    })
            }, observer: observer)
        let port = try await server.start(host: "127.0.0.1", port: 0)
        let client = try PlainClient(port: port)
        client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        _ = client.read()
        client.reset()
        while observer.all.summaries.isEmpty { await loop.yield() }
        #expect(observer.all.summaries.map(\.isComplete) == [false])
        await server.shutdown()
        loop.stop()
    }
}
