import HTTPCore
import HTTPTypes
import Synchronization
import Testing

@Suite(.timeLimit(.minutes(1))) struct TurnTests {
    @Test("requests that need not be waited for, on one connection, do not keep the others from their turn")
    func pipelined() async throws {
        let total = 1000
        let answered = Mutex(0)
        let answeredBeforeOthers = Mutex<Int?>(nil)
        let loop = Mutex<EventLoop?>(nil)
        let test = try await TestServer { _ in
            let isFirst = answered.withLock { answered in
                answered += 1
                return answered == 1
            }
            if isFirst {
                loop.withLock { $0 }?.execute {
                    let count = answered.withLock { $0 }
                    answeredBeforeOthers.withLock { $0 = count }
                }
            }
            return Response(status: .ok)
        }
        loop.withLock { $0 = test.loop }
        let client = try await test.connect()
        try await client.send(String(repeating: "GET / HTTP/1.1\r\nHost: a\r\n\r\n", count: total))
        for _ in 0..<total { _ = try await client.readAnswer() }
        #expect(try #require(answeredBeforeOthers.withLock { $0 }) < total / 2)
        await client.close()
        await test.stop()
    }
}
