import HTTPCore
import HTTPTypes
import Testing

@Suite struct RequestTests {
    @Test(
        "query items are decoded, and what is malformed stays",
        arguments: [
            ("a=b&c=d", ["a=b", "c=d"]), ("a", ["a="]), ("a=b=c", ["a=b=c"]), ("a+b=c%20d", ["a b=c d"]),
            ("a=%zz%", ["a=%zz%"]),
            ("", []), ("&&a=1&", ["a=1"]), ("a=%2B%26%3D", ["a=+&="]), ("caf%C3%A9=1", ["café=1"]),
            ("a=%4", ["a=%4"]),
        ])
    func queryItems(query: String, items: [String]) {
        let request = Request(method: .get, path: "/", query: query)
        #expect(request.queryItems.map { "\($0.name)=\($0.value)" } == items)
    }

    @Test("a request without a query has no items")
    func noQuery() {
        #expect(Request(method: .get, path: "/").queryItems.isEmpty)
    }

    @Test("new ids are sane and differ")
    func ids() {
        let ids = (0..<10_000).map { _ in RequestID.generate() }
        #expect(Set(ids).count == ids.count)
        #expect(ids.allSatisfy(RequestID.isSane))
    }

    @Test("a body is read once")
    func bodyOnce() async throws {
        let body = RequestBody(bytes: [1, 2, 3])
        #expect(body.length == 3)
        #expect(try await body.collect(upTo: 3) == [1, 2, 3])
        #expect(try await body.collect(upTo: 3) == [])
    }

    @Test("a body beyond what the handler takes is 413")
    func bodyTooLarge() async {
        await #expect(throws: HTTPError(.contentTooLarge, "The body may have at most 2 bytes.")) {
            try await RequestBody(bytes: [1, 2, 3]).collect(upTo: 2)
        }
    }

    @Test("a streamed response can be collected")
    func collectStream() async throws {
        let body = ResponseBody.stream(length: nil) { writer in
            try await writer.write([1])
            try await writer.write([2, 3])
        }
        #expect(try await body.collectBody() == [1, 2, 3])
    }
}
