import HTTPCore
import HTTPTypes

/// What the suites ask for: a page, an echo of the body, of the fields and of the cookies.
enum Routes {
    static func make(maxBodyBytes: Int) -> Router {
        var router = Router()
        let page = Representation(
            Page(), validators: Validators(entityTag: EntityTag("ok"), lastModified: 1_700_000_000),
            headers: [.contentType: "text/plain; charset=utf-8"])
        router.on(.get, "/") { try page.response(to: $0) }
        router.on(.options, "/") { _ in
            var response = text("OK")
            response.headers[.allow] = "GET, HEAD, OPTIONS, POST"
            return response
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

    /// What `GET /` brings, whole or in ranges, and not again to whoever has it.
    private struct Page: ByteSource {
        private let bytes = Array("OK".utf8)
        var length: Int { bytes.count }

        func read(at offset: Int, maxBytes: Int) -> [UInt8] { Array(bytes[offset...].prefix(maxBytes)) }
    }

    /// Every path and method: the body back.
    struct Echo: Responder {
        let maxBodyBytes: Int

        func handler(for request: inout Request) -> Handler {
            .suspending { Response(status: .ok, body: .bytes(try await $0.body.collect(upTo: maxBodyBytes))) }
        }
    }

    /// `/files/{name}`: a file, with conditions and ranges. An escaped slash leads into a sub-directory.
    static func addFiles(of directory: FileDirectory, to router: inout Router) {
        router.on(.get, "/files/{name}") { request in
            guard let file = try await directory.open(request.parameters["name"] ?? "") else {
                throw HTTPError(.notFound)
            }
            return try file.representation(headers: [.contentType: "application/octet-stream"])
                .response(to: request)
        }
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
