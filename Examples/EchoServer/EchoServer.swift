import HTTPCore

/// Gives every client its own bytes back, on the bare socket layer: one task a client, all on one event loop.
struct EchoServer {
    let listener: Listener

    /// Serves until the task is cancelled or the listener closed.
    func run() async {
        await withDiscardingTaskGroup { clients in
            while let socket = try? await listener.accept() {
                clients.addTask { await Self.echo(socket) }
            }
        }
    }

    private static func echo(_ socket: Socket) async {
        do {
            while let bytes = try await socket.read() { try await socket.write(bytes) }
        } catch {
            // The client is gone, which is how an echo ends.
        }
        await socket.close()
    }
}
