@testable import HTTPCore
import HTTPTypes
import Testing

/// What is not a matter of bytes alone; the bytes are in `Corpus/chunks.cases` and `Corpus/chunk-extensions.cases`.
@Suite struct ChunkedDecoderTests {
    @Test("what follows the body is not touched")
    func leavesTheRest() throws {
        var decoder = ChunkedDecoder(limits: WireLimits())
        var data: [UInt8] = []
        #expect(try decoder.decode(Array("1\r\nx\r\n0\r\n\r\nGET /".utf8).span, into: &data) == 11)
        #expect(decoder.isComplete)
        #expect(data == Array("x".utf8))
    }

    @Test(
        "a server's own limits hold",
        arguments: [
            ("a\r\n0123456789\r\n0\r\n\r\n", nil), ("a\r\n0123456789\r\n1\r\nx\r\n0\r\n\r\n", 413),
            ("b\r\n", 413), ("fffffffffffffff\r\n", 413), ("1;abc\r\nx\r\n0\r\n\r\n", nil),
            ("1;abcd\r\nx\r\n0\r\n\r\n", 400), ("0\r\nA: b\r\n\r\n", nil), ("0\r\nA: bc\r\n\r\n", 431),
        ])
    func limits(text: String, status: Int?) {
        var limits = WireLimits()
        limits.maxBodyBytes = 10
        limits.maxChunkExtensionBytes = 5
        limits.maxTrailerBytes = 8
        var decoder = ChunkedDecoder(limits: limits)
        var data: [UInt8] = []
        var found: Int?
        do throws(HTTPError) {
            _ = try decoder.decode(Array(text.utf8).span, into: &data)
        } catch {
            found = error.status.code
        }
        #expect(found == status)
        #expect(decoder.isComplete == (status == nil))
    }
}
