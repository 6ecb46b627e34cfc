import Foundation
import Testing

@testable import ScrapeService

@Suite("Selectors find what independent libraries find")
struct SelectorOracleTests {
    @Test("every CSS selector finds the elements that soupsieve and cssselect find")
    func elements() throws {
        let oracle = try Oracle.load()
        #expect(oracle.elements.count >= 150)
        for expected in oracle.elements {
            let page = try Oracle.page(expected.page)
            let found = try texts(xpath("./@id"), each: css(expected.selector), in: page)
            #expect(found == expected.ids, "\(expected.selector)")
        }
    }

    @Test("every value selector takes what parsel takes, from the page and from each match")
    func values() throws {
        let oracle = try Oracle.load()
        #expect(oracle.values.count >= 60)
        for expected in oracle.values {
            let page = try Oracle.page(expected.page)
            let selector = makeSelector(expected.language, expected.selector)
            let kind = makeKind(
                each: expected.each.map(css), fields: [Field(name: "value", selector: selector, all: true)])
            let found = try extract(kind, from: page).items.map { item in item[0]?.texts ?? [] }
            let name = "\(expected.each ?? "page") / \(expected.selector)"
            #expect(found == expected.values.filter { !$0.isEmpty }, "\(name)")
        }
    }

    private static let helpFolder = "/usr/share/gimp/2.0/help/nl"

    @Test(
        "over all pages of gimp-help-nl the values are those that lxml finds",
        .enabled(
            if: FileManager.default.fileExists(atPath: helpFolder),
            "the package gimp-help-nl is not installed"))
    func realPages() throws {
        let help = try Oracle.load().help
        let files = try FileManager.default.contentsOfDirectory(atPath: Self.helpFolder)
            .filter { $0.hasSuffix(".html") }.sorted {
                Array($0.utf8).lexicographicallyPrecedes(Array($1.utf8))
            }
        #expect(files.count == help.pages)
        let plan = try HTMLPageCompiler().compile(
            makeKind(
                fields: help.cases.map {
                    Field(name: $0.selector, selector: makeSelector($0.language, $0.selector), all: true)
                }))
        var digests = help.cases.map { _ in FNV1a() }
        for file in files {
            let body = try Data(contentsOf: URL(filePath: Self.helpFolder).appending(path: file))
            let page = PageDocument(body: Array(body), contentType: "text/html; charset=utf-8")
            guard let item = try plan.extract(page).items.first else { continue }
            for (index, value) in item.enumerated() {
                value?.texts?.forEach { digests[index].add($0) }
            }
        }
        for (expected, digest) in zip(help.cases, digests) {
            #expect(digest.count == expected.count, "\(expected.selector)")
            #expect(digest.hex == expected.fnv1a, "\(expected.selector)")
        }
    }
}

/// FNV-1a, 64 bits, over texts each ended by a NUL.
private struct FNV1a {
    private(set) var count = 0
    private var digest: UInt64 = 0xCBF2_9CE4_8422_2325

    mutating func add(_ text: String) {
        count += 1
        for byte in text.utf8 { step(byte) }
        step(0)
    }

    private mutating func step(_ byte: UInt8) { digest = (digest ^ UInt64(byte)) &* 0x100_0000_01B3 }

    var hex: String { String(format: "%016lx", digest) }
}
