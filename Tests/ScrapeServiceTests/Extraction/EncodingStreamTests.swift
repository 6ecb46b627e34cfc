import Foundation
import Testing

@testable import ScrapeService

/// Every code of every encoding, against what Chromium's decoder made of it: see `oracle/make_encodings.py`.
@Suite("Decoders agree with a browser's")
struct EncodingStreamTests {
    struct Stream: Decodable, Sendable, CustomTestStringConvertible {
        var label: String
        var columns: [[[Int]]]
        var prefix: String
        var suffix: String
        var skip: [String]
        var fnv1a: String

        var testDescription: String { "\(label) \(prefix) \(columns.count)" }

        /// The product of the columns, the last running fastest.
        var bytes: [UInt8] {
            let prefix = Self.bytes(prefix)
            let suffix = Self.bytes(suffix)
            let skipped = Set(skip.map(Self.bytes))
            let columns = columns.map { $0.flatMap { range in (range[0]...range[1]).map(UInt8.init) } }
            var bytes: [UInt8] = []
            var places = [Int](repeating: 0, count: columns.count)
            while true {
                let code = zip(columns, places).map { $0[$1] }
                if !skipped.contains(code) { bytes += prefix + code + suffix }
                guard let carry = places.indices.last(where: { places[$0] + 1 < columns[$0].count }) else {
                    return bytes
                }
                places[carry] += 1
                for index in places.indices where index > carry { places[index] = 0 }
            }
        }

        private static func bytes(_ hex: String) -> [UInt8] {
            let digits = Array(hex)
            return stride(from: 0, to: digits.count, by: 2).compactMap {
                UInt8(String(digits[$0...($0 + 1)]), radix: 16)
            }
        }
    }

    private static func streams() throws -> [Stream] {
        let file = URL(filePath: #filePath).deletingLastPathComponent().appending(
            path: "oracle/encodings.json")
        return try JSONDecoder().decode([Stream].self, from: Data(contentsOf: file))
    }

    @Test("code by code", arguments: try streams())
    func codes(stream: Stream) throws {
        let encoding = try #require(TextEncoding(label: stream.label))
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        for byte in try TextDecoder.decode(stream.bytes[...], from: encoding) {
            hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3
        }
        let digits = String(hash, radix: 16)
        #expect(String(repeating: "0", count: 16 - digits.count) + digits == stream.fnv1a)
    }

    /// Where Chromium departs from the standard.
    @Test(
        "and with the standard where the browser does not",
        arguments: [
            ("big5", [0x88, 0x62, 0x88, 0x64, 0x88, 0xA3, 0x88, 0xA5], "Ê\u{304}Ê\u{30C}ê\u{304}ê\u{30C}"),
            ("euc-jp", [0x8F, 0xA1, 0x41, 0xA1, 0xA1], "\u{FFFD}A\u{3000}"),
            ("iso-2022-jp", [0x1B, 0x24, 0x0E, 0x41], "\u{FFFD}$\u{FFFD}A"),
            ("utf-16le", [0x41, 0x00, 0x00, 0xD8], "A\u{FFFD}"),
            ("utf-16le", [0x00, 0xD8, 0x41], "\u{FFFD}"),
        ] as [(String, [UInt8], String)])
    func departures(label: String, bytes: [UInt8], expected: String) throws {
        let encoding = try #require(TextEncoding(label: label))
        let decoded = String(decoding: try TextDecoder.decode(bytes[...], from: encoding), as: UTF8.self)
        #expect(Array(decoded.unicodeScalars) == Array(expected.unicodeScalars))
    }
}
