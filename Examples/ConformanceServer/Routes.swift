import HTTPCore
import HTTPTypes

/// What the suites ask for: a page, an echo of the body, of the fields and of the cookies.
enum Routes {
    static func make(maxBodyBytes: Int) -> Router {
        var router = Router()
        for method in [HTTPRequest.Method.get, .options] {
            router.on(method, "/") { _ in text("OK") }
        }
        router.on(.post, "/") { request in
            Response(
                status: .ok, headers: [.contentType: "application/octet-stream"],
                body: .bytes(try await request.body.collect(upTo: maxBodyBytes)))
        }
        for method in [HTTPRequest.Method.get, .post] {
            router.on(method, "/echo") { text(fields($0)) }
            router.on(method, "/cookie") { text(cookies($0)) }
        }
        return router
    }

    private static func text(_ text: String) -> Response {
        Response(
            status: .ok, headers: [.contentType: "text/plain; charset=utf-8"], body: .bytes(Array(text.utf8)))
    }

    private static func fields(_ request: Request) -> String {
        request.headers.map { "\($0.name.rawName): \($0.value)\n" }.joined()
    }

    /// The pairs of all `Cookie` fields (RFC 6265, section 4.2.1).
    private static func cookies(_ request: Request) -> String {
        request.headers[fields: .cookie].flatMap { $0.value.split(separator: ";") }
            .map { "\($0.drop { $0 == " " })\n" }
            .joined()
    }
}
