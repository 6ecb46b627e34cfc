@testable import EchoServer
import HTTPCore
import Testing

@Suite(.timeLimit(.minutes(1))) struct SocketTests {
    @Test("seven clients with four interleaved lines each get their own lines back, in order")
    func sevenClients() async throws {
        let loop = try EventLoop(name: "echo")
        let listener = try Listener(loop: loop, host: "127.0.0.1", port: 0)
        let server = Task { await EchoServer(listener: listener).run() }
        var clients: [EchoClient] = []
        for _ in 0..<7 { clients.append(try await EchoClient(loop: loop, port: listener.port)) }
        for line in 1...4 {
            try await withThrowingTaskGroup(of: Void.self) { group in
                for (number, client) in clients.enumerated() {
                    group.addTask {
                        let echoed = try await client.exchange("\(number): \(line)")
                        #expect(echoed == "\(number): \(line)")
                    }
                }
                try await group.waitForAll()
            }
        }
        for client in clients { await client.close() }
        await listener.close()
        await server.value
        loop.stop()
    }

    @Test("more than the kernel buffers goes through, both ways at once")
    func backPressure() async throws {
        let loop = try EventLoop(name: "echo")
        let listener = try Listener(loop: loop, host: "127.0.0.1", port: 0)
        let server = Task { await EchoServer(listener: listener).run() }
        let socket = try await Socket.connect(loop: loop, host: "127.0.0.1", port: listener.port)
        let sent = (0..<8_000_000).map { UInt8(truncatingIfNeeded: $0 &* 31 >> 3) }
        async let writing: Void = socket.write(sent)
        var received: [UInt8] = []
        while received.count < sent.count, let bytes = try await socket.read() { received += bytes }
        try await writing
        #expect(received == sent)
        await socket.finishWriting()
        #expect(try await socket.read() == nil)
        await socket.close()
        await socket.close()
        await listener.close()
        await server.value
        loop.stop()
    }

    @Test("reads and accepts end when their task is cancelled or their socket closed")
    func endings() async throws {
        let loop = try EventLoop(name: "ends")
        let listener = try Listener(loop: loop, host: "127.0.0.1", port: 0)
        let cancelled = Task { try await listener.accept() }
        try await loop.sleep(for: .milliseconds(5))
        cancelled.cancel()
        await #expect(throws: CancellationError.self) { try await cancelled.value }
        let accepting = Task { try await listener.accept() }
        let client = try await Socket.connect(loop: loop, host: "127.0.0.1", port: listener.port)
        let peer = try await accepting.value
        let reading = Task { try await client.read() }
        try await loop.sleep(for: .milliseconds(5))
        reading.cancel()
        await #expect(throws: CancellationError.self) { try await reading.value }
        let open = Task { try await client.read() }
        try await loop.sleep(for: .milliseconds(5))
        await client.close()
        await #expect(throws: SystemError.self) { try await open.value }
        let last = Task { try await listener.accept() }
        try await loop.sleep(for: .milliseconds(5))
        await listener.close()
        await listener.close()
        await #expect(throws: SystemError.self) { try await last.value }
        await peer.close()
        loop.stop()
    }

    @Test("a refused connection is an error that names the call")
    func refused() async throws {
        let loop = try EventLoop(name: "refused")
        let listener = try Listener(loop: loop, host: "127.0.0.1", port: 0)
        await listener.close()
        await #expect(throws: SystemError.self) {
            try await Socket.connect(loop: loop, host: "127.0.0.1", port: listener.port)
        }
        loop.stop()
    }
}
