import Foundation
import Testing

/// The table of rules in `Corpus/README.md` names code and tests that are there.
@Suite struct ConformanceTableTests {
    private static let tests = URL(filePath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent()
    private static let sources = tests.appending(path: "../../Sources/HTTPCore").standardized

    private static func rows() throws -> [[Substring]] {
        let text = try String(contentsOf: tests.appending(path: "Wire/Corpus/README.md"), encoding: .utf8)
        return text.split(separator: "\n").filter { $0.hasPrefix("| 91") }.map { $0.split(separator: " | ") }
    }

    /// What stands between backquotes.
    private static func quoted(_ cell: Substring) -> [String] {
        cell.split(separator: "`", omittingEmptySubsequences: false).enumerated()
            .filter { !$0.offset.isMultiple(of: 2) }.map { String($0.element) }
    }

    private static func testSources() throws -> String {
        let files = FileManager.default.enumerator(at: tests, includingPropertiesForKeys: nil)
        let swift = files?.compactMap { $0 as? URL }.filter { $0.pathExtension == "swift" } ?? []
        return try swift.map { try String(contentsOf: $0, encoding: .utf8) }.joined()
    }

    @Test("each rule is kept in a file that cites the RFC, and shown by a case or a test")
    func citations() throws {
        let cases = Set(try Corpus.load().map { "\($0.area): \($0.about)" })
        let testSources = try Self.testSources()
        let rows = try Self.rows()
        #expect(rows.count > 50)
        for row in rows {
            try #require(row.count == 4, "\(row)")
            let files = Self.quoted(row[2])
            let proofs = Self.quoted(row[3])
            #expect(!files.isEmpty && !proofs.isEmpty, "\(row)")
            for file in files {
                let source = try String(contentsOf: Self.sources.appending(path: file), encoding: .utf8)
                #expect(source.contains("RFC 911"), "\(file)")
            }
            for proof in proofs {
                #expect(cases.contains(proof) || testSources.contains("\"\(proof)\""), "\(proof)")
            }
        }
    }
}
