import HTTPCore
import HTTPTypes
import Testing

@Suite struct RouterTests {
    private func makeRouter(_ routes: [(HTTPRequest.Method, String)]) -> Router {
        var router = Router()
        for (method, pattern) in routes {
            router.on(method, pattern) { request in
                let parameters = request.parameters.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }
                return Response(
                    status: .ok, body: .bytes(Array(([pattern] + parameters).joined(separator: " ").utf8)))
            }
        }
        return router
    }

    private let jobs: [(HTTPRequest.Method, String)] = [
        (.get, "/"), (.get, "/v1/jobs"), (.post, "/v1/jobs"), (.post, "/v1/jobs/preview"),
        (.get, "/v1/jobs/{id}"),
        (.delete, "/v1/jobs/{id}"), (.post, "/v1/jobs/{id}/cancel"), (.get, "/v1/jobs/{id}/files/{file}"),
    ]

    private func answer(_ method: HTTPRequest.Method, _ path: String) async throws -> String {
        let response = try await makeRouter(jobs).respond(to: Request(method: method, path: path))
        return String(decoding: try await response.body.collectBody(), as: UTF8.self)
    }

    private func failure(_ method: HTTPRequest.Method, _ path: String) async -> HTTPError? {
        do {
            _ = try await answer(method, path)
            return nil
        } catch {
            return error as? HTTPError
        }
    }

    @Test(
        "a request finds its handler",
        arguments: [
            (HTTPRequest.Method.get, "/", "/"), (.get, "/v1/jobs", "/v1/jobs"),
            (.get, "/v1/jobs/7", "/v1/jobs/{id} id=7"),
            (.post, "/v1/jobs/preview", "/v1/jobs/preview"),
            (.post, "/v1/jobs/7/cancel", "/v1/jobs/{id}/cancel id=7"),
            (.get, "/v1/jobs/7/files/a%2Fb", "/v1/jobs/{id}/files/{file} file=a/b id=7"),
            (.get, "/v1/jobs/preview", "/v1/jobs/{id} id=preview"), (.get, "/v1/job%73", "/v1/jobs"),
            (.head, "/v1/jobs/7", "/v1/jobs/{id} id=7"),
            (.get, "/v1/jobs/caf%C3%A9", "/v1/jobs/{id} id=café"),
        ])
    func finds(method: HTTPRequest.Method, path: String, expected: String) async throws {
        #expect(try await answer(method, path) == expected)
    }

    @Test(
        "an unknown path is 404",
        arguments: ["/v1", "/v1/jobs/", "/v1/jobs/7/", "/nope", "//", "/v1//jobs", "/V1/jobs"])
    func unknown(path: String) async {
        #expect(await failure(.get, path)?.status == .notFound)
    }

    @Test("another method of a known path is 405 and names those there are")
    func otherMethod() async {
        let error = await failure(.put, "/v1/jobs/7")
        #expect(error?.status == .methodNotAllowed)
        #expect(error?.headers[.allow] == "DELETE, GET, HEAD, OPTIONS")
        #expect(await failure(.delete, "/v1/jobs/preview")?.status == nil)
        #expect(
            await failure(.put, "/v1/jobs/preview")?.headers[.allow] == "DELETE, GET, HEAD, OPTIONS, POST")
    }

    @Test("a method that nobody knows is 501, on every path")
    func unknownMethod() async throws {
        let brew = try #require(HTTPRequest.Method("BREW"))
        #expect(await failure(brew, "/v1/jobs")?.status == .notImplemented)
        #expect(await failure(brew, "/nowhere")?.status == .notImplemented)
        #expect(await failure(.patch, "/nowhere")?.status == .notFound)
        var router = Router()
        router.on(brew, "/pot") { _ in Response(status: .ok) }
        router.on(.get, "/tea") { _ in Response(status: .ok) }
        #expect(try await router.respond(to: Request(method: brew, path: "/pot")).status == .ok)
        await #expect(throws: HTTPError.self) {
            try await router.respond(to: Request(method: brew, path: "/tea"))
        }
    }

    @Test("OPTIONS names the methods of a path, and of the server")
    func options() async throws {
        let router = makeRouter(jobs)
        let one = try await router.respond(to: Request(method: .options, path: "/v1/jobs"))
        #expect(one.status == .noContent)
        #expect(one.headers[.allow] == "GET, HEAD, OPTIONS, POST")
        let all = try await router.respond(to: Request(method: .options, path: "*"))
        #expect(all.headers[.allow] == "DELETE, GET, HEAD, OPTIONS, POST")
        #expect(await failure(.options, "/nope")?.status == .notFound)
    }

    @Test(
        "a parameter with a malformed escape is 400",
        arguments: ["/v1/jobs/%", "/v1/jobs/%zz", "/v1/jobs/%FF"])
    func malformed(path: String) async {
        #expect(await failure(.get, path)?.status == .badRequest)
    }

    @Test("the routes can be listed, in order")
    func routes() {
        #expect(makeRouter(jobs).routes.map(\.pattern) == jobs.map(\.1))
    }
}
