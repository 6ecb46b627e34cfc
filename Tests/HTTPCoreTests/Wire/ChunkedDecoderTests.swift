@testable import HTTPCore
import HTTPTypes
import Testing

@Suite struct ChunkedDecoderTests {
    /// The data and the number of bytes used; `nil` while the body is incomplete.
    private func decode(
        _ pieces: [[UInt8]], limits: WireLimits = WireLimits()
    ) throws(HTTPError) -> (data: String, used: Int)? {
        var decoder = ChunkedDecoder(limits: limits)
        var data: [UInt8] = []
        var used = 0
        for piece in pieces where !decoder.isComplete { used += try decoder.decode(piece.span, into: &data) }
        return decoder.isComplete ? (String(decoding: data, as: UTF8.self), used) : nil
    }

    private func status(_ text: String, limits: WireLimits = WireLimits()) -> Int? {
        do throws(HTTPError) {
            return try decode([Array(text.utf8)], limits: limits) == nil ? 0 : nil
        } catch {
            return error.status.code
        }
    }

    static let good = [
        ("0\r\n\r\n", ""), ("5\r\nhello\r\n0\r\n\r\n", "hello"),
        ("5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n", "hello world"),
        ("a\r\n0123456789\r\n0\r\n\r\n", "0123456789"), ("A\r\n0123456789\r\n000\r\n\r\n", "0123456789"),
        ("1;a\r\nx\r\n0\r\n\r\n", "x"), ("1;a=b;c=\"d \\\" e\"\r\nx\r\n0;z\r\n\r\n", "x"),
        ("1\r\nx\r\n0\r\nA: b\r\nC:\r\n\r\n", "x"), ("4\r\n\r\n\r\n\r\n0\r\n\r\n", "\r\n\r\n"),
    ]

    @Test("a body is taken apart, whole, byte by byte and split anywhere", arguments: good)
    func takesApart(text: String, data: String) throws {
        let bytes = Array(text.utf8)
        #expect(try decode([bytes])?.data == data)
        #expect(try decode(bytes.map { [$0] })?.data == data)
        for split in 0...bytes.count {
            let found = try decode([Array(bytes[..<split]), Array(bytes[split...])])
            #expect(found?.data == data)
            #expect(found?.used == bytes.count)
        }
    }

    @Test("what follows the body is not touched")
    func leavesTheRest() throws {
        #expect(try decode([Array("1\r\nx\r\n0\r\n\r\nGET /".utf8)])?.used == 11)
    }

    @Test(
        "a body that is not strictly chunked is refused",
        arguments: [
            "\r\n", "x\r\n", "-1\r\nx\r\n", "+1\r\nx\r\n", "0x1\r\nx\r\n", " 1\r\nx\r\n", "1 \r\nx\r\n",
            "1\nx\r\n",
            "1\r\nxy\r\n", "1\r\nx\n0\r\n\r\n", "1\r\nx0\r\n\r\n", "1\r\nx\r0\r\n\r\n", "1;\r\nx\r\n",
            "1;a b\r\n",
            "1;a=\r\n", "1;a=\"b\r\n", "1;a\n", "1 ;a\r\n", "1;=b\r\n", "1;a=\"b\"c\r\n",
            "fffffffffffffffff\r\n",
            "8000000000000000\r\n", "0\r\nA b\r\n\r\n", "0\r\n A: b\r\n\r\n", "0\r\nA : b\r\n\r\n",
            "0\r\n: b\r\n\r\n",
            "0\r\nA: b\n\r\n", "0\r\n\n", "0\r\nA: \u{01}\r\n\r\n", "1\r", "G\r\n", "1,1\r\n",
            "1;a\u{00}\r\n",
        ].filter { $0 != "1\r" })
    func refuses(text: String) {
        #expect(status(text) == 400)
    }

    @Test("limits hold for extensions, trailers and the body")
    func limits() {
        let extensions = "1;a=" + String(repeating: "b", count: 2000) + "\r\nx\r\n0\r\n\r\n"
        #expect(status(extensions) == 400)
        let spread = String(repeating: "1;abcdefgh\r\nx\r\n", count: 200) + "0\r\n\r\n"
        #expect(status(spread) == 400)
        #expect(status("0\r\nA: " + String(repeating: "b", count: 9000) + "\r\n\r\n") == 431)
        var small = WireLimits()
        small.maxBodyBytes = 10
        #expect(status("a\r\n0123456789\r\n0\r\n\r\n", limits: small) == nil)
        #expect(status("a\r\n0123456789\r\n1\r\nx\r\n0\r\n\r\n", limits: small) == 413)
        #expect(status("fffffffffffffff\r\n", limits: small) == 413)
    }
}
