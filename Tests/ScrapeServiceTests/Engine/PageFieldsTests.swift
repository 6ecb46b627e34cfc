import Testing

@testable import ScrapeService

@Suite struct PageFieldsTests {
    private static let base = "http://site.test/shop/index.html?x=1"

    private func finish(
        _ fields: [Field], each: Selector? = nil, _ items: [[FieldValue?]], base: String = Self.base
    ) throws -> (items: [[FieldValue?]], report: FieldReport?) {
        let kind = PageKind(name: "p", each: each, fields: fields)
        var extraction = Extraction(items: items)
        var budget = LinkBudget()
        let report = try PageFields(kind, CurlURLs()).finish(&extraction, base: base, within: &budget)
        return (extraction.items, report)
    }

    private func field(_ name: String, _ type: FieldType = .text, required: Bool = false) -> Field {
        Field(name: name, selector: Selector(language: .css, source: "a"), type: type, required: required)
    }

    @Test(
        arguments: [
            ("a.html", "http://site.test/shop/a.html"), ("/a", "http://site.test/a"),
            ("?q", "http://site.test/shop/index.html?q"),
            ("//other.test", "http://other.test/"),
            ("HTTPS://Other.TEST:443/A%7eb/../c", "https://other.test/c"),
            ("a#b", "http://site.test/shop/a#b"), ("#top", "http://site.test/shop/index.html?x=1#top"),
            ("#", "http://site.test/shop/index.html?x=1"),
            ("a#b c\"<>`é", "http://site.test/shop/a#b%20c%22%3C%3E%60%C3%A9"),
            ("a\n#b\tc", "http://site.test/shop/a#bc"), ("a#b#c", "http://site.test/shop/a#b#c"),
            ("my file.pdf", "http://site.test/shop/my%20file.pdf"),
            ("mailto:a@b.nl", "mailto:a@b.nl"), ("tel:+31-20", "tel:+31-20"),
            ("data:image/png;base64,AAAA", "data:image/png;base64,AAAA"),
            ("urn:isbn:0", "urn:isbn:0"), ("javascript:void(0)", "javascript:void(0)"),
            ("note: not a URL", nil), ("http://", nil), ("http://[::", nil), ("http://a b/", nil),
        ] as [(String, String?)])
    func aURLIsMadeAbsolute(_ reference: String, _ absolute: String?) throws {
        let (items, report) = try finish([field("u", .url)], [[.text(reference)]])
        #expect(items == [[absolute.map(FieldValue.text) ?? .null]])
        #expect(
            report?.warnings == (absolute == nil ? [FieldWarning(code: .typeMismatch, field: 0): 1] : [:]))
        #expect(report?.unfilled == [absolute == nil ? [0] : []])
    }

    @Test func listsAndItemsKeepTheirOrder() throws {
        let (items, report) = try finish(
            [field("t"), field("u", .url)], each: Selector(language: .css, source: "li"),
            [
                [.text("/t"), .list([.text("/1"), .null, .text("http://[")])], [nil, nil],
                [.text("x"), .text("/2")],
            ])
        #expect(
            items == [
                [.text("/t"), .list([.text("http://site.test/1"), .null, .null])], [nil, nil],
                [.text("x"), .text("http://site.test/2")],
            ])
        #expect(report?.warnings == [FieldWarning(code: .typeMismatch, field: 1): 1])
        #expect(report?.unfilled == [[], [0, 1], []])
    }

    @Test(
        arguments: [
            (nil, false), (.null, false), (.text(""), false), (.list([]), false),
            (.list([.null, .text("")]), false),
            (.text(" "), true), (.number("0"), true), (.boolean(false), true),
            (.list([.null, .number("1")]), true),
            (.object([]), true),
        ] as [(FieldValue?, Bool)])
    func aValueIsThereOrNot(_ value: FieldValue?, _ isFilled: Bool) throws {
        let (_, report) = try finish([field("f")], [[value]])
        #expect(report?.unfilled == [isFilled ? [] : [0]])
    }

    @Test func aPageThatGaveNothingLacksWhatItMustHave() throws {
        let fields = [field("a", required: true), field("b")]
        #expect(
            try finish(fields, []).report
                == FieldReport(warnings: [FieldWarning(code: .requiredMissing, field: 0): 1]))
        let each = Selector(language: .css, source: "li")
        #expect(try finish(fields, each: each, []).report == FieldReport())
    }

    @Test func aPageKindWithoutFieldsSaysNothing() throws {
        #expect(try finish([], []).report == nil)
    }

    @Test func urlsOfALongBaseAreBoundedTogether() throws {
        let base = "http://site.test/" + String(repeating: "x", count: 8_000) + "/"
        let many = FieldValue.list(Array(repeating: .text("1"), count: 12_000))
        #expect(throws: ExtractionError.self) { try finish([field("u", .url)], [[many]], base: base) }
        // As text it is no more than what the page says.
        #expect(try finish([field("t")], [[many]], base: base).items == [[many]])
    }

    @Test func manyURLsKeepTheirOrder() throws {
        let many = FieldValue.list((0..<2_500).map { .text("/\($0)") })
        let items = try finish([field("u", .url)], [[many]]).items
        #expect(items == [[.list((0..<2_500).map { .text("http://site.test/\($0)") })]])
    }

    @Test func whatIsCutOffIsNotReported() {
        var yield = PageYield(
            items: (0..<5).map { ItemData(json: "\($0)") },
            fields: FieldReport(unfilled: [[], [0], [], [1], [0, 1]]))
        yield.cut(to: 9)
        #expect(yield.items.count == 5)
        yield.cut(to: 2)
        #expect(yield.items.map(\.json) == ["0", "1"] && yield.fields?.unfilled == [[], [0]])
        yield.cut(to: 0)
        #expect(yield.items.isEmpty && yield.fields?.unfilled == [])
    }
}
