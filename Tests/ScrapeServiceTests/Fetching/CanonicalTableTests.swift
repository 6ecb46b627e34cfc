import Foundation
import Testing

@testable import ScrapeService

/// The published table of canonical forms (`Fetching/URLs/README.md`), each row through the code.
@Suite struct CanonicalTableTests {
    private static let base = "https://example.org:8443/a/b?c#d"

    struct Row: Sendable, CustomTestStringConvertible {
        var reference: String
        /// Nil: the reference stands alone.
        var base: String?
        /// Nil: no URL.
        var canonical: String?
        var chromium: String
        var reason: String
        var testDescription: String { "\(reference.debugDescription) on \(base ?? "nothing")" }
    }

    static let rows: [Row] = {
        let file = SourceTree.root.appending(path: "Sources/ScrapeService/Fetching/URLs/README.md")
        let text = (try? String(contentsOf: file, encoding: .utf8)) ?? ""
        return text.split(separator: "\n").compactMap(row)
    }()

    private static func row(_ line: Substring) -> Row? {
        // A vertical bar within a cell is written with a backslash, as Markdown has it.
        let cells = line.replacing("\\|", with: "\u{1}")
            .split(separator: "|", omittingEmptySubsequences: false)
            .map { $0.trimmingCharacters(in: .whitespaces).replacing("\u{1}", with: "|") }
        guard cells.count == 8, cells[1].hasPrefix("`") || cells[1] == "empty" else { return nil }
        let base = cells[2].isEmpty ? nil : cells[2] == "base" ? Self.base : written(cells[2])
        return Row(
            reference: cells[1] == "empty" ? "" : written(cells[1]), base: base,
            canonical: cells[3] == "no URL" ? nil : written(cells[3]), chromium: cells[4], reason: cells[6])
    }

    private static func written(_ cell: String) -> String {
        let signs = [
            ("␠", " "), ("␉", "\t"), ("␊", "\n"), ("␍", "\r"), ("␣SHY", "\u{AD}"), ("␣ZWSP", "\u{200B}"),
        ]
        return signs.reduce(cell.trimmingCharacters(in: CharacterSet(charactersIn: "`"))) { text, sign in
            text.replacing(sign.0, with: sign.1)
        }
    }

    @Test func theTableIsWhole() {
        #expect(Self.rows.count >= 150)
        #expect(Set(Self.rows.map { [$0.reference, $0.base] }).count == Self.rows.count)
        #expect(Self.rows.allSatisfy { !$0.reason.isEmpty })
    }

    @Test func everyDifferenceFromChromiumIsMarked() {
        for row in Self.rows {
            #expect((row.chromium != "same") == row.reason.hasPrefix("**differs**"), "\(row.reference)")
        }
    }

    @Test(arguments: rows)
    func aReferenceHasItsCanonicalForm(row: Row) {
        let urls = CurlURLs()
        let found =
            row.base.map { urls.resolve([row.reference], against: $0)[0] } ?? urls.parse(row.reference)
        #expect(found?.text == row.canonical)
        if let found { #expect(urls.parse(found.text) == found, "its canonical form is its own") }
    }
}
