@testable import HTTPCore
import HTTPTypes
import Testing

@Suite struct ResponseEncoderTests {
    private func encode(
        _ response: Response, framing: ResponseFraming, closes: Bool = false, minorVersion: Int = 1
    ) throws(ResponseFault) -> String {
        let output = ByteWriter()
        _ = try ResponseEncoder.encodeHead(
            response, framing: framing, closes: closes, minorVersion: minorVersion, requestID: "id1",
            date: Array("Date: D\r\n".utf8), into: output)
        return String(decoding: output.bytes, as: UTF8.self)
    }

    @Test("a head has the handler's fields, then the server's")
    func head() throws {
        let text = try encode(
            Response(status: .notFound, headers: [.contentType: "text/plain"]), framing: .length(12))
        #expect(
            text == "HTTP/1.1 404 Not Found\r\nContent-Type: text/plain\r\nDate: D\r\nX-Request-Id: id1\r\n"
                + "Content-Length: 12\r\n\r\n")
    }

    @Test("the end of a connection is announced")
    func close() throws {
        let text = try encode(Response(status: .ok), framing: .chunked, closes: true)
        #expect(text.hasSuffix("Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n"))
    }

    @Test(
        "a handler ends the connection with the option close, and with no other",
        arguments: [("close", true), ("a, Close", true), ("closed", false), ("keep-alive", false)])
    func handlersClose(options: String, closes: Bool) throws {
        let text = try encode(Response(status: .ok, headers: [.connection: options]), framing: .length(0))
        #expect(text.contains("Connection: close\r\n") == closes)
    }

    @Test("HTTP/1.0 is told that its connection is kept")
    func oldKeepAlive() throws {
        let text = try encode(Response(status: .ok), framing: .length(0), minorVersion: 0)
        #expect(text.hasSuffix("Connection: keep-alive\r\n\r\n"))
    }

    @Test("a handler cannot contradict the server's framing or connection")
    func serversFields() throws {
        let headers: HTTPFields = [
            .contentLength: "99", .transferEncoding: "gzip", .connection: "keep-alive", .date: "then",
        ]
        let text = try encode(Response(status: .ok, headers: headers), framing: .length(1), closes: true)
        #expect(!text.contains("99") && !text.contains("gzip") && !text.contains("keep-alive"))
        #expect(text.contains("Date: then\r\n") && !text.contains("Date: D\r\n"))
    }

    @Test(
        "control bytes in a field are refused, and nothing of the head is left",
        arguments: ["\u{1B}", "\u{7F}", "\u{01}"])
    func injection(byte: String) {
        let field = HTTPField(name: .location, lenientValue: Array("/a\(byte)b".utf8))
        var headers = HTTPFields()
        headers.append(field)
        #expect(throws: ResponseFault.forbiddenByte(field: "Location")) {
            try encode(Response(status: .ok, headers: headers), framing: .length(0))
        }
    }

    @Test("CR, LF and NUL never reach the wire", arguments: ["\r", "\n", "\r\n", "\0"])
    func splitting(bytes: String) throws {
        let lenient = HTTPField(name: .location, lenientValue: Array("/a\(bytes)Set-Cookie: b".utf8))
        var headers: HTTPFields = [.eTag: "a\(bytes)X: b"]
        headers.append(lenient)
        let text = try encode(Response(status: .ok, headers: headers), framing: .length(0))
        #expect(text.components(separatedBy: "\r\n").count == 8)
        #expect(!text.contains("\r\nSet-Cookie") && !text.contains("\r\nX: b"))
    }

    @Test("only final statuses are answers", arguments: [0, 100, 101, 199, 600, 999])
    func statuses(code: Int) {
        #expect(throws: ResponseFault.status(code)) {
            try encode(Response(status: .init(code: code)), framing: .length(0))
        }
    }

    @Test("the framing follows status, length and version")
    func framing() {
        func framing(_ code: Int, _ length: Int?, _ minor: Int = 1) -> ResponseFraming {
            ResponseEncoder.framing(status: .init(code: code), length: length, minorVersion: minor)
        }
        #expect(framing(200, 5) == .length(5))
        #expect(framing(200, nil) == .chunked)
        #expect(framing(200, nil, 0) == .untilClose)
        #expect(framing(204, 0) == .forbidden)
        #expect(framing(304, 5) == .forbidden)
    }

    @Test("chunks are sized in hex")
    func chunks() {
        let output = ByteWriter()
        ResponseEncoder.appendChunkSize(255, to: output)
        ResponseEncoder.appendChunkSize(0x1A_0F00, to: output)
        ResponseEncoder.appendChunkEnd(to: output)
        ResponseEncoder.appendLastChunk(to: output)
        #expect(String(decoding: output.bytes, as: UTF8.self) == "ff\r\n1a0f00\r\n\r\n0\r\n\r\n")
    }

    @Test("a writer grows beyond what it keeps, and forgets what is taken back")
    func writer() {
        let output = ByteWriter()
        output.append([UInt8](repeating: 1, count: 100_000))
        output.append([UInt8](repeating: 2, count: 300_000))
        output.append(decimal: 1_234_567)
        #expect(output.count == 400_007)
        #expect(output.bytes[99_999] == 1 && output.bytes[399_999] == 2)
        output.truncate(to: 1)
        output.append(text: "é")
        #expect(Array(output.bytes) == [1, 0xC3, 0xA9])
        output.removeAll()
        #expect(output.bytes.isEmpty)
    }

    @Test(
        "dates are IMF-fixdates (RFC 9110, section 5.6.7)",
        arguments: [
            (784_111_777, "Sun, 06 Nov 1994 08:49:37 GMT"), (0, "Thu, 01 Jan 1970 00:00:00 GMT"),
            (951_782_400, "Tue, 29 Feb 2000 00:00:00 GMT"), (1_709_251_199, "Thu, 29 Feb 2024 23:59:59 GMT"),
            (4_102_444_800, "Fri, 01 Jan 2100 00:00:00 GMT"),
        ])
    func dates(seconds: Int, text: String) {
        #expect(HTTPDate.format(secondsSinceEpoch: seconds) == text)
    }
}

extension String {
    fileprivate func components(separatedBy separator: String) -> [Substring] {
        split(separator: separator, omittingEmptySubsequences: false)
    }
}
