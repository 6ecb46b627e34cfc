import Hummingbird
import NIOCore
import NIOPosix

/// `HummingbirdHello PORT loop|pool`: the 15-byte JSON answer of `Examples/HelloServer` by Hummingbird's router.
///
/// It has one event loop. Tasks run there too (`loop`), or on Swift's pool as Hummingbird has it by default (`pool`).
@main
struct HummingbirdHello {
    static func main() async throws {
        let arguments = CommandLine.arguments.dropFirst()
        let port = arguments.first.flatMap { Int($0) } ?? 8080
        NIOSingletons.groupLoopCountSuggestion = 1
        if !arguments.contains("pool") {
            precondition(
                NIOSingletons.unsafeTryInstallSingletonPosixEventLoopGroupAsConcurrencyGlobalExecutor(),
                "this runtime does not let NIO run its tasks")
        }
        let body = ByteBuffer(string: #"{"hello":"you"}"#)
        let router = Router()
        router.get("/") { _, _ in
            Response(
                status: .ok, headers: [.contentType: "application/json"],
                body: ResponseBody(byteBuffer: body))
        }
        let application = Application(
            router: router, configuration: .init(address: .hostname("127.0.0.1", port: port)),
            eventLoopGroupProvider: .singleton)
        try await application.runService()
    }
}
