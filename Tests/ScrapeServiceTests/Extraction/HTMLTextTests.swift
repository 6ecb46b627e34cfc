import Foundation
import Testing

@testable import ScrapeService

/// Whole pages are compared with a browser in `Tests/EndToEnd/test_encodings.py`.
@Suite("Characters and references as HTML reads them")
struct HTMLTextTests {
    private func read(_ markup: String, _ selector: Selector = css("p")) throws -> [Unicode.Scalar]? {
        try text(selector, in: makePage(markup), keepWhitespace: true).map { Array($0.unicodeScalars) }
    }

    @Test(
        "in text",
        arguments: [
            ("a\r\nb\rc\n", "a\nb\nc\n"), ("a\0b", "ab"),
            ("a\u{1}\u{B}\u{C}\u{1F}b", "a\u{1}\u{B}\u{C}\u{1F}b"),
            ("\u{FFFE}\u{FFFF}", "\u{FFFE}\u{FFFF}"), ("&#x80;&#x9F;&#x81;", "€Ÿ\u{81}"),
            ("&#0;&#xD800;&#x110000;&#99999999999;", "\u{FFFD}\u{FFFD}\u{FFFD}\u{FFFD}"), ("&#1;", "\u{1}"),
            ("&#;&#x;&#xg", "&#;&#x;&#xg"), ("&notit;&notin;&not", "¬it;∉¬"), ("&ltb>&lt;b&gt;", "<b><b>"),
            ("&copy=1&AMP;&bogus;", "©=1&&bogus;"), ("&acE;&lang;", "\u{223E}\u{333}⟨"),
            ("&CounterClockwiseContourIntegral;", "∳"), ("&amp;not &ampnot", "&not &not"),
            // With a stand-in's own character in the page, another block stands in.
            ("\u{1}\u{10FFC1}", "\u{1}\u{10FFC1}"), ("\u{1}&#x10FFC1;", "\u{1}\u{10FFC1}"),
        ])
    func inText(markup: String, expected: String) throws {
        #expect(try read("<p>\(markup)</p>") == Array(expected.unicodeScalars))
        #expect(try read("<p><b>.</b>\(markup)</p>") == Array(".\(expected)".unicodeScalars))
    }

    @Test(
        "in attributes",
        arguments: [
            ("?a=1&copy=2&section=3", "?a=1&copy=2&section=3"), ("&notit;&not", "&notit;¬"),
            ("&NotEqualTilde;", "≂̸"),
            ("a\0b\u{1}\u{FFFF}", "a\u{FFFD}b\u{1}\u{FFFF}"), ("&#0;&#x80;", "\u{FFFD}€"),
            ("<p>&lt;p>", "<p><p>"),
            ("x\r\ny", "x\ny"),
        ])
    func inAttributes(markup: String, expected: String) throws {
        for quote in ["\"", "'"] {
            let page = "<p title=\(quote)\(markup)\(quote)>\u{2}</p>"
            #expect(try read(page, css("p::attr(title)")) == Array(expected.unicodeScalars))
        }
    }

    @Test("scripts and comments are left alone, and end where they end")
    func raw() throws {
        let page =
            "<script>a&copy;'<p>&not\u{1}'</script><!-- &not <p>\u{2}</p> --><STYLE>&not</STYLE><p>&not</p>"
        #expect(try read(page, css("script")) == Array("a&copy;'<p>&not\u{1}'".unicodeScalars))
        #expect(try read(page, css("style")) == Array("&not".unicodeScalars))
        #expect(try read(page) == ["¬"])
        #expect(try read(page, xpath("(string(//p))")) == ["¬"])
    }

    @Test(
        "markup that HTML takes for text or for a comment",
        arguments: [
            ("title", "<title>a <b>&not</b></title>", "a <b>¬</b>"),
            ("textarea", "<textarea><p></textarea>", "<p>"),
            ("xmp", "<XMP>&lt;<b></xmp>", "&lt;<b>"), ("iframe", "<iframe>&amp;</iframe>", "&amp;"),
            ("p", "<p>a<![CDATA[b]]>c<!-->d</ e>f<!ELEMENT>g<!--->h</>i</p>", "acdfghi"),
            ("p", "<p><</ x>b></p>", "<b>"),
            ("p", "<title>t</title><!doctype html><p>a<!-- <title><b> --></p>", "a"),
            ("b", "<title/><b>c</b>", "c"),
            ("script", "<xmp></xmp><script src=/js/>if(a&&b<c)</script>", "if(a&&b<c)"),
            ("p", "<!-- a --!><p>b</p>", "b"), ("p", "<xmp></xmp><!-- ' --!><p>&not</p>", "¬"),
        ])
    func textNotMarkup(element: String, page: String, expected: String) throws {
        #expect(try text(css(element), in: makePage(page)) == expected)
    }

    @Test("one pass tells all the private characters that a page means, so the second finds others")
    func blocks() throws {
        let free = try #require(StandIns(besides: 0))
        let bytes = Array("<p>\u{1}&#x10FFC1;&#x10F001;&#x10EFFF;</p>".utf8)
        let met: StandIns.Blocks = 1 << 63 | 1
        #expect(HTMLRewriter.rewrite(bytes[...], free).blocksMet == met)
        #expect(StandIns.blocks(in: Array("\u{10F040}\u{10EFFF}".utf8)) == 2)
        #expect(StandIns(besides: .max) == nil)
        let references = (1..<64).map { "&#\(0x10F000 + 64 * $0);" }.joined()
        let found = try #require(try read("<p>\u{1}\(references)</p>"))
        #expect(found == ["\u{1}"] + (1..<64).compactMap { Unicode.Scalar(0x10F000 + 64 * $0) })
    }

    @Test("what stood in for something is nowhere to be seen")
    func markup() throws {
        let page = "<div><p>\u{1}a\u{FFFE}</p></div>"
        #expect(try read(page, css("p::html")) == Array("<p>\u{1}a\u{FFFE}</p>".unicodeScalars))
        #expect(try read(page, xpath("//p/text()")) == Array("\u{1}a\u{FFFE}".unicodeScalars))
        #expect(try read(page, css("p::text")) == Array("\u{1}a\u{FFFE}".unicodeScalars))
        #expect(try text(css("p"), in: makePage("<p>\u{C} \u{B}a\u{1F}\u{C}</p>")) == "a\u{1F}")
    }

    @Test("every name of HTML means what the table says, in HTML and in XML")
    func names() throws {
        #expect(HTMLReferences.names.count == 2125)
        #expect(HTMLReferences.names.values.count(where: \.countsWithoutSemicolon) == 106)
        let names = HTMLReferences.names.sorted { $0.key < $1.key }
        let markup = names.map { "<p>x&\($0.key);y</p>" }.joined()
        let expected = names.map { "x\($0.value.text)y" }
        #expect(try texts(css("p"), in: makePage(markup)) == expected)
        #expect(try texts(css("p"), in: makePage("<r>\(markup)</r>", contentType: "text/xml")) == expected)
    }

    @Test("XML loses what it has no characters for, and nothing behind it")
    func xml() throws {
        let page = makePage("<r><p>a\u{1}\0b\u{FFFE}</p><q>&#1;c</q><t>d</t></r>", contentType: "text/xml")
        #expect(try text(css("p"), in: page) == "ab")
        #expect(try text(css("t"), in: page) == "d")
    }
}
