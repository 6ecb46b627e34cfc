import Foundation
import Testing

@testable import ScrapeService

@Suite("Hostile pages cost bounded time and never crash")
struct HostilePageTests {
    private static let kind = makeKind(
        follow: [css("a")], each: css("div, p"), fields: [Field(name: "t", selector: css("b"))])

    private func repeated(_ markup: String, toBytes count: Int) -> [UInt8] {
        let unit = Array(markup.utf8)
        var body: [UInt8] = []
        body.reserveCapacity(count)
        while body.count < count { body += unit }
        return body
    }

    @Test(
        "megabytes of one thing over and over",
        arguments: [
            ("<div>", 10_000_000), ("<b>", 2_000_000), ("<a href=x>", 2_000_000), ("<p><font>x", 2_000_000),
            ("<table><tr><td>", 2_000_000), ("<!--", 2_000_000), ("<", 2_000_000), ("<!DOCTYPE", 2_000_000),
            ("</p>", 2_000_000), ("<li></li>", 2_000_000), ("&", 2_000_000),
            ("<title", 10_000_000), ("<!--<![CDATA[", 2_000_000),
        ])
    func repetition(markup: String, count: Int) throws {
        let body = repeated(markup, toBytes: count)
        _ = try? extract(Self.kind, from: PageDocument(body: body, contentType: "text/html"))
        let part = Array(body.prefix(500_000))
        _ = try? extract(Self.kind, from: PageDocument(body: part, contentType: "text/xml"))
    }

    @Test("titles without an end are looked at once", arguments: ["", "></title>"])
    func titles(end: String) {
        let body = repeated("<title", toBytes: 10_000_000) + Array(end.utf8)
        #expect(OddMarkup.isIn(body, from: 0))
    }

    @Test("entities that nobody declared make no nodes")
    func undeclared() throws {
        let page = makePage(
            "<!DOCTYPE r SYSTEM 'x'><r>" + String(repeating: "&a;", count: 1000) + "</r>",
            contentType: "text/xml")
        #expect(try text(xpath("(count(//r/node()))"), in: page) == "1")
    }

    @Test("ten thousand elements inside one another, on a small stack")
    func deep() throws {
        let page = PageDocument(
            body: repeated("<div>", toBytes: 50_000) + Array("<b>x".utf8), contentType: "text/html")
        let kind = makeKind(fields: [
            Field(name: "t", selector: css("div:has(div) > div")),
            Field(name: "h", selector: css("div::html")),
            Field(name: "x", selector: xpath("string(//div[last()])")),
        ])
        let items = try onThread(stackBytes: 512 * 1024) { try extract(kind, from: page).items }
        #expect(items.count == 1)
    }

    @Test("a million attributes, different or the same", arguments: [true, false])
    func attributes(different: Bool) {
        var body = Array("<p ".utf8)
        for index in 0..<1_000_000 { body += Array("a\(different ? index : index % 20_000) ".utf8) }
        let page = PageDocument(body: body + Array(">x</p>".utf8), contentType: "text/html")
        let start = ContinuousClock.now
        #expect(throws: ExtractionError.failed("the page takes too long to parse")) {
            try extract(Self.kind, from: page)
        }
        #expect(ContinuousClock.now - start < .seconds(120))
    }

    @Test("of many attributes the first thousand count")
    func manyAttributes() throws {
        let attributes = (0..<3000).map { "a\($0)=\($0)" }.joined(separator: " ")
        #expect(try texts(xpath("//p/@*"), in: makePage("<p \(attributes)>x</p>")).count == 1000)
    }

    @Test("entities and attribute defaults of a document type multiply nothing and fetch nothing")
    func entities() throws {
        let doctype = """
            <!DOCTYPE r [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">
            <!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;"><!ENTITY x SYSTEM "file:///etc/passwd">
            <!ATTLIST t v CDATA "\(String(repeating: "v", count: 1_000_000))">]>
            """
        let page = makePage(
            doctype + "<r>" + String(repeating: "<t>1&c;&x;&amp;</t>", count: 2000) + "</r>",
            contentType: "text/xml")
        #expect(try text(css("t"), in: page) == "1&c;&x;&")
        #expect(try text(xpath("string-length(//t[1]/@v)".wrapped), in: page) == "0")
        #expect(try text(xpath("count(//t)".wrapped), in: page) == "2000")
    }

    @Test("a page of more elements and attributes than a tree may have is too large, in HTML and in XML")
    func tooManyNodes() {
        for (markup, type) in [
            ("<b></b>", "text/html"), ("<b></b>", "text/xml"), ("<!---->", "text/html"),
            ("<p a b c d>", "text/html"),
        ] {
            let root = type == "text/xml" ? Array("<r>".utf8) : []
            let body = root + repeated(markup, toBytes: 8_000_000)
            #expect(throws: ExtractionError.tooLarge("the page has too many elements and attributes")) {
                try extract(Self.kind, from: PageDocument(body: body, contentType: type))
            }
        }
    }

    @Test("text repeated by nesting is bounded", arguments: [css("div"), css("div::html"), xpath("//div")])
    func repeatedText(selector: Selector) throws {
        let body = repeated("<div>", toBytes: 5000) + repeated("x", toBytes: 1_000_000)
        let page = PageDocument(body: body, contentType: "text/html")
        let error = try #require(throws: ExtractionError.self) { try texts(selector, in: page) }
        #expect(error == .tooLarge("the selectors take more than 64 MiB from one page"))
    }

    @Test("thousands of positions are counted once")
    func positions() throws {
        let page = PageDocument(body: repeated("<li>x</li>", toBytes: 1_000_000), contentType: "text/html")
        #expect(try texts(css("li:nth-last-of-type(2n+1)"), in: page).count == 50_000)
    }

    @Test("cut anywhere, a page is still read")
    func truncated() throws {
        let markup = Array(
            "<!DOCTYPE html><div class='a'><!-- c --><p title=\"é\">t &eacute; <b>x</b><script>1<2</script>"
                .utf8)
        for end in 0...markup.count {
            let page = PageDocument(body: Array(markup[..<end]), contentType: "text/html; charset=utf-8")
            _ = try extract(Self.kind, from: page)
        }
    }
}

extension String {
    fileprivate var wrapped: String { "(\(self))" }
}
