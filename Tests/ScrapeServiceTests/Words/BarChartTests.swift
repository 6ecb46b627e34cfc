import Foundation
import Testing

#if canImport(FoundationXML)
    import FoundationXML
#endif

@testable import ScrapeService

@Suite struct BarChartTests {
    private func make(_ words: [(String, Int)]) -> String {
        BarChart().svg(title: "Words", rows: words.map { WordCount(word: $0.0, count: $0.1) })
    }

    private func isWellFormed(_ svg: String) -> Bool {
        XMLParser(data: Data(svg.utf8)).parse()
    }

    @Test func `any word gives well-formed XML`() {
        let hostile = "<a href='\"'>&amp;]]>\0\u{1}\u{8}\u{FFFE}\u{FFFF}\u{202E}\u{85}--"
        let svg = BarChart().svg(title: hostile, rows: [WordCount(word: hostile, count: 3)])
        #expect(isWellFormed(svg))
        #expect(!svg.contains("<a "))
        #expect(!svg.unicodeScalars.contains { $0.value == 0x202E || $0.value == 0 })
    }

    @Test func `the largest is on top, with counts in groups of three`() throws {
        let svg = make([("klein", 12), ("groot", 1_234_567)])
        let large = try #require(svg.range(of: ">groot<"))
        let small = try #require(svg.range(of: ">klein<"))
        #expect(large.lowerBound < small.lowerBound)
        #expect(svg.contains(">1,234,567</text>"))
    }

    @Test(arguments: [0, 1, 2, 10_000])
    func `any number of rows gives a chart with title and description`(count: Int) {
        let svg = make((0..<count).map { ("woord\($0)", count - $0) })
        #expect(isWellFormed(svg))
        #expect(svg.contains("<title id=\"chart-title\">Words</title>"))
        #expect(svg.contains("<desc id=\"chart-desc\">"))
        #expect(svg.contains("No words to show.") == (count == 0))
        #expect(svg.components(separatedBy: "rx=\"2\"").count - 1 == count)
        #expect(svg.utf8.count < 1000 + 400 * max(count, 5))
    }

    @Test func `a long word ends in an ellipsis and is whole in its tool tip`() {
        let word = String(repeating: "lang", count: 100)
        let svg = make([(word, 5)])
        #expect(svg.contains("\u{2026}<title>\(word)</title>"))
    }

    @Test func `bars never leave the picture`() {
        let svg = make([("a", .max), ("b", 0), ("c", -5)])
        #expect(isWellFormed(svg))
    }

    @Test(arguments: [(1, [0, 1]), (4, [0, 1, 2, 3, 4]), (7, [0, 2, 4, 6]), (1234, [0, 500, 1000])])
    func `ticks are round numbers`(top: Int, ticks: [Int]) {
        #expect(Ticks.values(upTo: top) == ticks)
    }
}
