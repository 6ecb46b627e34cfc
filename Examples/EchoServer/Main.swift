import HTTPCore

/// `swift run EchoServer`: a server and seven clients with four lines each, interleaved; prints who got what and ends.
/// `swift run EchoServer --serve PORT`: only the server, until it is interrupted.
@main
struct Main {
    static let clients = 7
    static let lines = 4

    static func main() async throws {
        let loop = try EventLoop(name: "echo")
        let arguments = CommandLine.arguments.dropFirst()
        if arguments.first == "--serve" {
            let port = arguments.dropFirst().first.flatMap { Int($0) } ?? 8007
            let listener = try Listener(loop: loop, host: "127.0.0.1", port: port)
            print("echo on 127.0.0.1:\(listener.port)")
            await EchoServer(listener: listener).run()
        } else {
            try await demonstrate(on: loop)
        }
        loop.stop()
    }

    /// Round by round, each client sends its next line while the others' connections are open.
    private static func demonstrate(on loop: EventLoop) async throws {
        let listener = try Listener(loop: loop, host: "127.0.0.1", port: 0)
        let server = Task { await EchoServer(listener: listener).run() }
        var clients: [EchoClient] = []
        for _ in 0..<Self.clients { clients.append(try await EchoClient(loop: loop, port: listener.port)) }
        for line in 1...lines {
            try await withThrowingTaskGroup(of: String.self) { group in
                for (number, client) in clients.enumerated() {
                    group.addTask {
                        let sent = "client \(number + 1), line \(line)"
                        let echoed = try await client.exchange(sent)
                        return "\(sent) -> \(echoed ?? "nothing")"
                    }
                }
                for try await exchange in group { print(exchange) }
            }
        }
        for client in clients { await client.close() }
        await listener.close()
        await server.value
        print("\(Self.clients) clients, \(Self.clients * lines) lines")
    }
}
