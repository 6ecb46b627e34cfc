import Foundation
import Testing

@testable import ScrapeService

@Suite struct WordBoundariesTests {
    @Test func `every line of the official WordBreakTest breaks where it says`() throws {
        let path = URL(filePath: #filePath).deletingLastPathComponent()
            .appending(path: "Fixtures/WordBreakTest-15.0.0.txt")
        var lines = 0
        for line in try String(contentsOf: path, encoding: .utf8).split(separator: "\n") {
            let test = line.prefix { $0 != "#" }.split(separator: " ").map {
                $0.trimmingCharacters(in: .whitespaces)
            }
            guard test.count > 2 else { continue }
            var scalars: [Unicode.Scalar] = []
            var expected: [Int] = []
            for part in test where !part.isEmpty {
                if part == "÷" { expected.append(scalars.count) }
                if let scalar = UInt32(part, radix: 16).flatMap(Unicode.Scalar.init) {
                    scalars.append(scalar)
                }
            }
            #expect([0] + segments(scalars).map(\.upperBound) == expected, "\(line)")
            lines += 1
        }
        #expect(lines == 1823)
    }

    @Test func `the table is of the version of the test file`() {
        #expect(WordBreakTable.unicodeVersion == "15.0.0")
    }

    @Test func `classes are found on every plane`() {
        #expect(WordClass("a").kind == .letter)
        #expect(WordClass("\u{10FFFF}").kind == .other)
        #expect(WordClass("\u{E0100}").kind == .extend)
        #expect(WordClass("\u{20000}").isWordlike)
        #expect(WordClass("🛑").isPictographic)
        #expect(!WordClass(" ").isWordlike)
    }

    @Test func `no text gives no segment, and one character gives one`() {
        #expect(segments([]).isEmpty)
        #expect(segments(["x"]) == [0..<1])
    }

    @Test func `the fast path finds the words of the plain rules in any mixture`() {
        var random = SystemRandomNumberGenerator()
        let alphabet = Array(
            "abZ09_.':,;\" -\nàÉßΣσİ\u{212A}א\u{301}\u{200D}\u{AD}ℹ🛑ア漢ก🇳\u{FF9E}".unicodeScalars)
        for _ in 0..<20_000 {
            let length = Int.random(in: 0...12, using: &random)
            let scalars = (0..<length).map { _ in alphabet[Int.random(in: 0..<alphabet.count, using: &random)]
            }
            let text = String(String.UnicodeScalarView(scalars))
            #expect(fastWords(text) == plainWords(scalars), "\(text.debugDescription)")
        }
    }

    @Test func `a long stretch without spaces is cut without changing its words`() {
        let scalars = Array(String(repeating: "漢字אב1", count: 3000).unicodeScalars)
        #expect(fastWords(String(String.UnicodeScalarView(scalars))) == plainWords(scalars))
    }

    private func segments(_ scalars: [Unicode.Scalar]) -> [Range<Int>] {
        var result: [Range<Int>] = []
        WordBoundaries(scalars.map(WordClass.init)).forEachSegment { result.append($0) }
        return result
    }

    private func fastWords(_ text: String) -> [String] {
        var words: [String] = []
        var lowered = Array(text.utf8.map { (0x41...0x5A).contains($0) ? $0 | 0x20 : $0 })
        lowered.withUnsafeMutableBufferPointer { buffer in
            UnicodeWords.forEach(in: UnsafeBufferPointer(buffer)) {
                words.append(String(decoding: $0, as: UTF8.self))
            }
        }
        return words
    }

    /// Segments of the whole, those without letter or digit left out, from their first letter, digit or connector.
    private func plainWords(_ scalars: [Unicode.Scalar]) -> [String] {
        let classes = scalars.map(WordClass.init)
        return segments(scalars).compactMap { segment in
            guard segment.contains(where: { classes[$0].isWordlike }) else { return nil }
            let first = segment.first { classes[$0].isWordlike || classes[$0].kind == .extendNumLet }
            var bytes: [UInt8] = []
            LowerCase.append(scalars[(first ?? segment.lowerBound)..<segment.upperBound], to: &bytes)
            return String(decoding: bytes, as: UTF8.self)
        }
    }
}
