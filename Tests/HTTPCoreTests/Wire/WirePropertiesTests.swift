import Foundation
@testable import HTTPCore
import Testing

/// The fuzz targets' properties, of what the fuzzer has found so far and of the tables.
@Suite struct WirePropertiesTests {
    /// The kept corpus: an input a line, bytes outside printable ASCII escaped.
    private static func corpus(_ name: String) throws -> [[UInt8]] {
        let folder = URL(filePath: #filePath).resolvingSymlinksInPath().deletingLastPathComponent()
        let text = try String(
            contentsOf: folder.appending(path: "../../../Fuzzing/Corpus/\(name).txt"), encoding: .ascii)
        return try text.split(separator: "\n", omittingEmptySubsequences: false).dropLast().map(unescape)
    }

    private static func unescape(_ line: Substring) throws -> [UInt8] {
        var bytes: [UInt8] = []
        var rest = line.utf8[...]
        while let byte = rest.popFirst() {
            guard byte == UInt8(ascii: "\\") else {
                bytes.append(byte)
                continue
            }
            switch rest.popFirst() {
            case UInt8(ascii: "r"): bytes.append(Byte.carriageReturn)
            case UInt8(ascii: "n"): bytes.append(Byte.lineFeed)
            case UInt8(ascii: "t"): bytes.append(Byte.tab)
            case UInt8(ascii: "\\"): bytes.append(UInt8(ascii: "\\"))
            case UInt8(ascii: "x"):
                bytes.append(try #require(UInt8(String(decoding: rest.prefix(2), as: UTF8.self), radix: 16)))
                rest = rest.dropFirst(2)
            default: Issue.record("an escape that is none: \(line)")
            }
        }
        return bytes
    }

    @Test("each kept input has every property of the wire", arguments: ["request", "chunked"])
    func corpus(name: String) throws {
        let inputs = try Self.corpus(name)
        #expect(inputs.count > 40)
        for bytes in inputs {
            let violation = WireProperties.violation(bytes, name == "request" ? .request : .chunkedBody)
            #expect(violation == nil, "\(String(decoding: bytes, as: UTF8.self).debugDescription)")
        }
    }

    @Test("each case of the tables has every property of the wire")
    func tables() throws {
        for testCase in try Corpus.load() where testCase.bytes.count < 1024 {
            #expect(WireProperties.violation(testCase.bytes, .request) == nil, "\(testCase)")
        }
    }

    @Test("the corpus reaches acceptance, every kind of refusal and open ends")
    func reach() throws {
        let outcomes = try Self.corpus("request").map { WireRun.outcome(of: $0, .request).outcome }
        #expect(outcomes.contains { $0.messages.count > 1 })
        #expect(outcomes.contains { $0.messages.contains { !$0.body.isEmpty } })
        #expect(outcomes.contains { $0.end == .closed })
        #expect(outcomes.contains { $0.end == .open })
        for status in [400, 413, 417, 501, 505] {
            let isReached = outcomes.contains {
                if case .refused(status, _) = $0.end { true } else { false }
            }
            #expect(isReached, "\(status)")
        }
    }
}
