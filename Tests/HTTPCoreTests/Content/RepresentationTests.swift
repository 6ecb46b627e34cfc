import HTTPCore
import HTTPTypes
import Synchronization
import Testing

/// Bytes that count, from any place, as long as is asked for; it counts what was read of it.
final class CountingSource: ByteSource {
    let length: Int
    private let bytesRead = Atomic<Int>(0)
    /// Bytes it gives at most at a time, and in all.
    private let maxPiece: Int
    private let end: Int

    init(length: Int, maxPiece: Int = .max, end: Int = .max) {
        (self.length, self.maxPiece, self.end) = (length, maxPiece, end)
    }

    var read: Int { bytesRead.load(ordering: .relaxed) }

    func read(at offset: Int, maxBytes: Int) async throws -> [UInt8] {
        let count = max(0, min(maxBytes, maxPiece, end - offset))
        bytesRead.add(count, ordering: .relaxed)
        return (offset..<offset + count).map { UInt8(ascii: "0") + UInt8($0 % 10) }
    }
}

@Suite struct RepresentationTests {
    private static let time = "Sun, 06 Nov 1994 08:49:37 GMT"

    struct Case: CustomTestStringConvertible, Sendable {
        var method = "GET"
        let fields: String
        let status: Int
        var body = ""
        var range: String?
        var testDescription: String { "\(method) \(fields) \(status)" }
    }

    private static let cases: [Case] = [
        .init(fields: "", status: 200, body: "0123456789"),
        .init(method: "HEAD", fields: "", status: 200),
        .init(fields: "Range: bytes=2-4", status: 206, body: "234", range: "bytes 2-4/10"),
        .init(fields: "Range: bytes=7-", status: 206, body: "789", range: "bytes 7-9/10"),
        .init(fields: "Range: bytes=-2", status: 206, body: "89", range: "bytes 8-9/10"),
        .init(fields: "Range: bytes=0-", status: 206, body: "0123456789", range: "bytes 0-9/10"),
        .init(fields: "Range: bytes=10-", status: 416, range: "bytes */10"),
        .init(fields: "Range: bytes=4-2", status: 200, body: "0123456789"),
        .init(fields: "Range: bytes=0-0,-1", status: 200, body: "0123456789"),
        .init(fields: "Range: bytes=0-0\r\nRange: bytes=1-1", status: 200, body: "0123456789"),
        .init(fields: "Range: lines=0-0", status: 200, body: "0123456789"),
        .init(method: "HEAD", fields: "Range: bytes=2-4", status: 200),
        .init(fields: "If-None-Match: \"v1\"", status: 304),
        .init(method: "HEAD", fields: "If-None-Match: \"v1\"", status: 304),
        .init(fields: "If-None-Match: \"v1\"\r\nRange: bytes=10-", status: 304),
        .init(fields: "If-Modified-Since: \(time)", status: 304),
        .init(fields: "If-Match: \"v2\"", status: 412),
        .init(fields: "If-Match: \"v2\"\r\nRange: bytes=10-", status: 412),
        .init(fields: "If-Match: \"v1\"\r\nRange: bytes=1-1", status: 206, body: "1", range: "bytes 1-1/10"),
        .init(fields: "If-Range: \"v1\"\r\nRange: bytes=1-1", status: 206, body: "1", range: "bytes 1-1/10"),
        .init(fields: "If-Range: \(time)\r\nRange: bytes=1-1", status: 206, body: "1", range: "bytes 1-1/10"),
        .init(fields: "If-Range: \"v2\"\r\nRange: bytes=1-1", status: 200, body: "0123456789"),
        .init(fields: "If-Range: \"v2\"\r\nRange: bytes=10-", status: 200, body: "0123456789"),
        .init(fields: "If-Range: W/\"v1\"\r\nRange: bytes=1-1", status: 200, body: "0123456789"),
        .init(fields: "If-Range: x\r\nRange: bytes=1-1", status: 200, body: "0123456789"),
        .init(
            fields: "If-Range: Sun, 06 Nov 1994 08:49:38 GMT\r\nRange: bytes=1-1", status: 200,
            body: "0123456789"),
        .init(fields: "If-Range: \"v1\"", status: 200, body: "0123456789"),
    ]

    private static func representation(_ source: any ByteSource) -> Representation {
        Representation(
            source, validators: Validators(entityTag: EntityTag("v1"), lastModified: 784_111_777),
            headers: [.contentType: "text/plain"])
    }

    private static func start(_ source: any ByteSource) async throws -> TestServer {
        try await TestServer { request in try representation(source).response(to: request) }
    }

    @Test("conditions and ranges are answered as RFC 9110 says, on one connection")
    func answers() async throws {
        let server = try await Self.start(CountingSource(length: 10, maxPiece: 3))
        let client = try await server.connect()
        for testCase in Self.cases {
            let fields = testCase.fields.isEmpty ? "" : testCase.fields + "\r\n"
            try await client.send("\(testCase.method) / HTTP/1.1\r\nHost: a\r\n\(fields)\r\n")
            let answer = try await client.readAnswer(hasBody: testCase.method != "HEAD")
            let comment: Comment = "\(testCase.testDescription)"
            #expect(answer.status == testCase.status, comment)
            #expect(answer["content-range"] == testCase.range, comment)
            if testCase.status < 400 { #expect(answer.body == testCase.body, comment) }
            if testCase.status < 300 {
                #expect(answer["accept-ranges"] == "bytes", comment)
                #expect(answer["last-modified"] == Self.time, comment)
                let length = testCase.method == "HEAD" ? 10 : testCase.body.count
                #expect(answer["content-length"] == "\(length)", comment)
            }
            if testCase.status < 400 { #expect(answer["etag"] == "\"v1\"", comment) }
            if testCase.status == 304 {
                #expect(answer["content-type"] == nil && answer["content-length"] == nil, comment)
            }
        }
        await client.close()
        await server.stop()
    }

    @Test("no more is read than the client takes")
    func backPressure() async throws {
        let source = CountingSource(length: 1 << 40)
        let server = try await Self.start(source)
        let client = try await server.connect()
        let head = try await client.getHead()
        #expect(head["content-length"] == "\(1 << 40)")
        await client.close()
        await server.stop()
        #expect(source.read > 0)
        #expect(source.read < 64 << 20)
    }

    @Test("nothing is read for HEAD and 304")
    func readsNothing() async throws {
        let source = CountingSource(length: 10)
        let server = try await Self.start(source)
        _ = try await server.exchange("HEAD / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        _ = try await server.exchange(
            "GET / HTTP/1.1\r\nHost: a\r\nIf-None-Match: *\r\nConnection: close\r\n\r\n")
        await server.stop()
        #expect(source.read == 0)
    }

    @Test("a source that ends too soon cuts the answer off")
    func shortSource() async throws {
        let server = try await Self.start(CountingSource(length: 10, maxPiece: 3, end: 6))
        let client = try await server.connect()
        await #expect(throws: (any Error).self) { try await client.get() }
        await server.stop()
        #expect(server.log.all.contains { $0.contains("ByteSourceFault") })
    }

    @Test("no content is an answer like any other")
    func empty() async throws {
        let server = try await Self.start(CountingSource(length: 0))
        let client = try await server.connect()
        let answer = try await client.get()
        #expect(answer.status == 200 && answer["content-length"] == "0" && answer.body.isEmpty)
        #expect(try await client.get().status == 200)
        await client.close()
        await server.stop()
    }
}

extension TestClient {
    fileprivate func getHead() async throws -> Answer {
        try await send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        return try await readAnswer(hasBody: false)
    }
}
