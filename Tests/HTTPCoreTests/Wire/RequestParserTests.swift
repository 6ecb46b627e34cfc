@testable import HTTPCore
import HTTPTypes
import Testing

@Suite struct RequestParserTests {
    /// What comes of bytes that arrive in `pieces`; `nil` while the head is incomplete.
    private func feed(_ pieces: [[UInt8]]) throws(HTTPError) -> (head: RequestHead, length: Int)? {
        var parser = RequestParser(limits: WireLimits())
        var bytes: [UInt8] = []
        for piece in pieces {
            bytes += piece
            if let length = try parser.parse(bytes.span) {
                var reader = RequestReader()
                return (try reader.read(parser, bytes.span), length)
            }
        }
        return nil
    }

    private func status(_ pieces: [[UInt8]]) -> Int? {
        do throws(HTTPError) {
            return try feed(pieces) == nil ? 0 : nil
        } catch {
            return error.status.code
        }
    }

    private func read(_ text: String) throws -> RequestHead {
        try #require(try feed([Array(text.utf8)])).head
    }

    @Test("an incomplete head is no error")
    func incomplete() {
        let bytes = Array("GET / HTTP/1.1\r\nHost: a\r\n\r\n".utf8)
        for length in 0..<bytes.count { #expect(status([Array(bytes[..<length])]) == 0) }
    }

    @Test("the head says what the client sent")
    func contents() throws {
        let head = try read(
            "POST /a%20b?c=d&e HTTP/1.1\r\nHost: a:80\r\nx-One:  1 \r\nX-One: 2\r\nX-Request-Id: abc-1\r\n"
                + "Content-Length: 12\r\nExpect: 100-continue\r\n\r\n")
        #expect(head.method == .post)
        #expect(head.path == "/a%20b")
        #expect(head.query == "c=d&e")
        #expect(head.headers[values: HTTPField.Name("X-ONE")!] == ["1", "2"])
        #expect(head.headers.map(\.name.rawName).contains("x-One"))
        #expect(head.framing == .length(12))
        #expect(head.expectsContinue)
        #expect(head.keepsAlive)
        #expect(head.requestID == "abc-1")
    }

    @Test("the absolute form's host takes the place of Host")
    func absoluteForm() throws {
        let head = try read("GET http://b:81?q HTTP/1.1\r\nHost: a\r\n\r\n")
        #expect(head.headers[FieldNames.host] == "b:81")
        #expect(head.path == "/")
        #expect(head.query == "q")
    }

    @Test("bytes that are not UTF-8 stay as they are")
    func obsText() throws {
        let found = try feed([
            Array("GET / HTTP/1.1\r\nHost: a\r\nX: ".utf8) + [0xE9] + Array("\r\n\r\n".utf8)
        ])
        let field = try #require(found?.head.headers[fields: HTTPField.Name("X")!].first)
        #expect(field.withUnsafeBytesOfValue { Array($0) } == [0xE9])
    }

    @Test(
        "a connection is kept by version and Connection",
        arguments: [
            ("1.1", "", true), ("1.1", "close", false), ("1.1", "a, CLOSE", false),
            ("1.1", "keep-alive", true),
            ("1.0", "", false), ("1.0", "Keep-Alive", true), ("1.0", "keep-alive, close", false),
            ("1.1", "closed", true),
        ])
    func keepAlive(version: String, connection: String, keeps: Bool) throws {
        let head = try read("GET / HTTP/\(version)\r\nHost: a\r\nConnection: \(connection)\r\n\r\n")
        #expect(head.keepsAlive == keeps)
    }

    @Test(
        "an id that is not sane is not taken over",
        arguments: ["", "a b", "é", String(repeating: "a", count: 129)])
    func insaneID(id: String) throws {
        let head = try read("GET / HTTP/1.1\r\nHost: a\r\nX-Request-Id: \(id)\r\n\r\n")
        #expect(head.requestID != id && RequestID.isSane(head.requestID))
    }

    @Test("limits hold while bytes still come, not only at the end of a line")
    func limitsWhileScanning() {
        let endless = Array("GET / HTTP/1.1\r\nHost: a\r\nA: ".utf8) + [UInt8](repeating: 0x61, count: 8300)
        #expect(status([endless]) == 431)
        #expect(status([Array("GET /".utf8) + [UInt8](repeating: 0x61, count: 8300)]) == 414)
    }
}
