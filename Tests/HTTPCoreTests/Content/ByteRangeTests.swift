@testable import HTTPCore
import Testing

@Suite struct ByteRangeTests {
    @Test(
        "one range of bytes is a part (RFC 9110, section 14.1.2)",
        arguments: [
            ("bytes=0-0", 0..<1), ("bytes=0-9", 0..<10), ("bytes=3-5", 3..<6), ("bytes=9-9", 9..<10),
            ("bytes=5-", 5..<10), ("bytes=0-", 0..<10), ("bytes=-1", 9..<10), ("bytes=-10", 0..<10),
            ("bytes=-11", 0..<10), ("bytes=5-99", 5..<10), ("BYTES=1-2", 1..<3), ("bytes= 1-2 ", 1..<3),
            ("bytes=,1-2,", 1..<3), ("bytes=01-002", 1..<3), ("bytes=5-99999999999999999999999", 5..<10),
            ("bytes=-99999999999999999999999", 0..<10),
        ])
    func part(field: String, range: Range<Int>) {
        #expect(ByteRange(field, length: 10) == .part(range))
    }

    @Test(
        "a range behind the last byte is refused",
        arguments: [
            "bytes=10-", "bytes=10-10", "bytes=99-100", "bytes=-0", "bytes=-00",
            "bytes=99999999999999999999999-", "bytes=9223372036854775807-9223372036854775807",
        ])
    func unsatisfiable(field: String) {
        #expect(ByteRange(field, length: 10) == .unsatisfiable)
    }

    @Test(
        "what is no range, another unit, or several ranges are ignored (RFC 9110, section 14.2)",
        arguments: [
            "", "bytes", "bytes=", "bytes=-", "bytes=a-b", "bytes=1", "bytes=5-3", "bytes=1-2x", "bytes=--1",
            "bytes=1-2-3", "bytes=+1-2", "bytes=1 -2", "bytes=0x1-2", "bytes 1-2", "bytes =1-2", "items=0-1",
            "bytes=0-0,-1", "bytes=0-1, 3-4", "bytes=0-,0-,0-,0-", "bytes=1-2,bytes=3-4", "bytes=٣-٤", "=1-2",
        ])
    func ignored(field: String) {
        #expect(ByteRange(field, length: 10) == .whole)
    }

    @Test("no content has no range, and no suffix of it is an error")
    func empty() {
        #expect(ByteRange("bytes=-5", length: 0) == .whole)
        #expect(ByteRange("bytes=0-", length: 0) == .unsatisfiable)
        #expect(ByteRange(nil, length: 0) == .whole)
    }
}
