import Hummingbird
import NIOPosix

/// `HummingbirdHello PORT`: the 15-byte JSON answer of `Examples/HelloServer` by Hummingbird's router, on one event loop.
@main
struct HummingbirdHello {
    static func main() async throws {
        let port = CommandLine.arguments.dropFirst().first.flatMap { Int($0) } ?? 8080
        let body = ByteBuffer(string: #"{"hello":"you"}"#)
        let router = Router()
        router.get("/") { _, _ in
            Response(
                status: .ok, headers: [.contentType: "application/json"],
                body: ResponseBody(byteBuffer: body))
        }
        let application = Application(
            router: router, configuration: .init(address: .hostname("127.0.0.1", port: port)),
            eventLoopGroupProvider: .shared(MultiThreadedEventLoopGroup(numberOfThreads: 1)))
        try await application.runService()
    }
}
