import HTTPCore
import HTTPTypes

/// The handlers that are measured; what they allocate themselves is part of the figures.
enum Routes {
    static let hello = #"{"hello":"you"}"#
    private static let json = Array(hello.utf8)
    private static let piece = [UInt8](repeating: UInt8(ascii: "y"), count: 100)
    private static let pieces = 10

    static func make() -> Router {
        var router = Router()
        router.on(.get, "/") { _ in answer(json) }
        router.on(.get, "/suspended") { _ in
            await Task.yield()
            return answer(json)
        }
        router.on(.get, "/fields") { request in
            let bytes = request.headers.reduce(0) { $0 + $1.value.utf8.count }
            return bytes > 0 ? answer(json) : Response(status: .badRequest)
        }
        router.on(.post, "/echo") { request in answer(try await request.body.collect(upTo: 1 << 16)) }
        router.on(.get, "/stream") { _ in
            Response(
                status: .ok, headers: [.contentType: "text/plain"],
                body: .stream(length: nil) { writer in
                    for _ in 0..<pieces { try await writer.write(piece) }
                })
        }
        return router
    }

    private static func answer(_ bytes: [UInt8]) -> Response {
        Response(status: .ok, headers: [.contentType: "application/json"], body: .bytes(bytes))
    }
}
