import HTTPCore
import HTTPTypes
import Logging

/// `swift run -c release HelloServer [PORT]`: a 15-byte JSON answer until it is interrupted, at `/`
/// by a handler that answers at once, at `/suspending` by one that might wait.
@main
struct HelloServer {
    static func main() async throws {
        let hello = Response(
            status: .ok, headers: [.contentType: "application/json"],
            body: .bytes(Array(#"{"hello":"you"}"#.utf8)))
        var router = Router()
        router.on(.get, "/") { _ in hello }
        router.on(.get, "/suspending") { _ async in hello }
        let loop = try EventLoop(name: "hello")
        let server = Server(loop: loop, logger: Logger(label: "hello"), responder: router)
        let wanted = CommandLine.arguments.dropFirst().first.flatMap { Int($0) } ?? 8080
        let port = try await server.start(host: "127.0.0.1", port: wanted)
        print("http://127.0.0.1:\(port)/")
        while true { try await loop.sleep(for: .seconds(3600)) }
    }
}
