import Testing

@testable import ScrapeService

@Suite("A page plan")
struct TreePlanTests {
    @Test("takes the links of each rule as written, stripped, and passes over elements without one")
    func links() throws {
        let page = makePage(
            """
            <a href=" /a?x=1&amp;y=2 ">1</a><a>none</a><img src="b.png"><article data-url="/v/1"></article>
            <article></article><a href="">empty</a>
            """)
        let kind = makeKind(follow: [
            css("a, img"), css("article::attr(data-url)"), xpath("//a/@href"), xpath("//img"),
            xpath("//nothing"),
            xpath("string(//img/@src)"),
        ])
        let result = try extract(kind, from: page)
        #expect(
            result.links == [
                ["/a?x=1&y=2", "b.png", ""], ["/v/1"], ["/a?x=1&y=2", ""], ["b.png"], [], ["b.png"],
            ])
        #expect(result.items.isEmpty)
        #expect(result.base == nil)
    }

    @Test("names the first base that has an address")
    func base() throws {
        let page = makePage("<head><base target=x><base href=' /dir/ '><base href=/other/></head><a href=b>")
        #expect(try extract(makeKind(follow: [css("a")]), from: page).base == "/dir/")
    }

    @Test("makes an item of each match that has a field, in order")
    func each() throws {
        let page = makePage("<li><b>1</b><i>x</i></li><li></li><li><i>y</i></li><p><b>no</b></p>")
        let fields = [Field(name: "b", selector: css("b")), Field(name: "i", selector: xpath("./i"))]
        let expected: [[FieldValue?]] = [[.text("1"), .text("x")], [nil, .text("y")]]
        #expect(try extract(makeKind(each: css("li"), fields: fields), from: page).items == expected)
        #expect(try extract(makeKind(each: xpath("//li"), fields: fields), from: page).items == expected)
    }

    @Test("makes one item of a page without each, and none where nothing matched")
    func page() throws {
        let fields = [
            Field(name: "t", selector: css("h1")), Field(name: "all", selector: css("p"), all: true),
        ]
        let kind = makeKind(fields: fields)
        #expect(
            try extract(kind, from: makePage("<h1>T</h1><p>a</p><p>b</p>")).items
                == [[.text("T"), .texts(["a", "b"])]])
        #expect(try extract(kind, from: makePage("<h1></h1>")).items == [[.text(""), nil]])
        #expect(try extract(kind, from: makePage("<h2>x</h2>")).items.isEmpty)
        #expect(try extract(kind, from: makePage("")).items.isEmpty)
    }

    @Test("a match's own text, attribute and markup are in reach of its fields")
    func own() throws {
        let page = makePage("<a href='/1' title=T>x<b>y</b>z</a>")
        let fields =
            [".", "./@href"].map { Field(name: $0, selector: xpath($0)) }
            + ["::attr(title)", ":scope > b", ":scope::text", ":scope::html"].map {
                Field(name: $0, selector: css($0), all: true)
            }
        #expect(
            try extract(makeKind(each: css("a"), fields: fields), from: page).items == [
                [
                    .text("xyz"), .text("/1"), .texts(["T"]), .texts(["y"]), .texts(["x", "z"]),
                    .texts(["<a href=\"/1\" title=\"T\">x<b>y</b>z</a>"]),
                ]
            ])
    }

    @Test("an attribute can be each, and only XPath goes on from it")
    func eachAttribute() throws {
        let page = makePage("<a href='/1'>x</a><a href='/2'>y</a>")
        let fields = [
            Field(name: "href", selector: xpath(".")), Field(name: "text", selector: xpath("./..")),
            Field(name: "css", selector: css("a")),
        ]
        #expect(
            try extract(makeKind(each: xpath("//a/@href"), fields: fields), from: page).items
                == [[.text("/1"), .text("x"), nil], [.text("/2"), .text("y"), nil]])
    }

    @Test("trims Unicode white space at both ends, and keeps it where asked")
    func whitespace() throws {
        let space = "\u{A0}\u{1680}\u{2003}\u{2028}\u{202F}\u{205F}\u{3000}\u{85}\t\n "
        let page = makePage("<p>\(space)a \u{A0} b\u{200B}\(space)</p><i> \u{3000} </i>")
        #expect(try text(css("p"), in: page) == "a \u{A0} b\u{200B}")
        #expect(try text(css("p"), in: page, keepWhitespace: true) == "\(space)a \u{A0} b\u{200B}\(space)")
        #expect(try text(css("i"), in: page) == "")
        #expect(try texts(css("p, i"), in: page) == ["a \u{A0} b\u{200B}", ""])
    }

    @Test("NUL and lone surrogates leave clean text")
    func unclean() throws {
        var body = Array("<p title='a".utf8) + [0] + Array("b'>x".utf8)
        body += [0, 0xED, 0xA0, 0x80] + Array("&#0;&#xD800;&#x110000;y</p>".utf8)
        let page = PageDocument(body: body, contentType: "text/html; charset=utf-8")
        let found = try #require(try text(css("p"), in: page))
        #expect(!found.unicodeScalars.contains("\0"))
        #expect(found.hasPrefix("x\u{FFFD}") && found.hasSuffix("y"))
        // In an attribute HTML replaces what it drops in text.
        #expect(try text(css("p::attr(title)"), in: page) == "a\u{FFFD}b")
    }

    @Test("reads an RSS feed by its own names, and XHTML as HTML")
    func xml() throws {
        let feed = """
            <?xml version="1.0"?><rss xmlns:dc="http://purl.org/dc/elements/1.1/"><channel><item>
            <title>A &amp; B</title><pubDate>now</pubDate><dc:creator>me</dc:creator>
            <link>http://x/1</link><d><![CDATA[<b>raw</b>]]></d>
            </item></channel></rss>
            """
        for type in ["application/rss+xml", "text/xml; charset=utf-8", nil] {
            let page = makePage(feed, contentType: type)
            #expect(try text(css("item > title"), in: page) == "A & B")
            #expect(try text(css("pubDate"), in: page) == "now")
            #expect(try texts(css("pubdate"), in: page).isEmpty)
            #expect(try text(xpath("//creator"), in: page) == "me")
            #expect(try text(css("link"), in: page) == "http://x/1")
            #expect(try text(css("d"), in: page) == "<b>raw</b>")
        }
        let atom = makePage(
            "<feed xmlns='http://www.w3.org/2005/Atom'><entry/></feed>", contentType: "application/atom+xml")
        #expect(try texts(xpath("//entry"), in: atom) == [""])
        let xhtml =
            "<?xml version='1.0'?><html xmlns='http://www.w3.org/1999/xhtml'><body><P>x</P></body></html>"
        #expect(try text(css("p"), in: makePage(xhtml, contentType: "application/xhtml+xml")) == "x")
        #expect(try text(xpath("//p"), in: makePage(xhtml, contentType: nil)) == "x")
    }

    @Test("references in XML survive earlier errors, and CDATA stays as it is")
    func references() throws {
        let page = makePage(
            "<r><t>&nbsp;&bogus;a&amp;b &lt; &apos;</t><u v='&amp;'><![CDATA[&amp;]]>&#233;</u>",
            contentType: "text/xml")
        #expect(try text(css("t"), in: page) == "&bogus;a&b < '")
        #expect(try text(css("u"), in: page) == "&amp;é")
        #expect(try text(css("u::attr(v)"), in: page) == "&")
    }

    @Test(
        "what begins no reference in XML is text, wherever it stands",
        arguments: [
            ("http://h/a?b=1&c=2", "http://h/a?b=1&c=2"), ("a & b && &amp;c&", "a & b && &c&"),
            ("&#;&#x;&#12 &#xg;&#65;&#x42;", "&#;&#x;&#12 &#xg;AB"), ("&copy &copy;", "&copy ©"),
            ("<!-- <![CDATA[ & -->&nbsp;a&b", "\u{A0}a&b"), ("<?x <!-- ?>a&b", "a&b"),
            ("<![CDATA[<!-- &amp;&b]]>&c<!-- ]]> -->&d", "<!-- &amp;&b&c&d"),
        ])
    func ampersands(markup: String, expected: String) throws {
        let page = makePage("<r><t>\(markup)</t><u>&amp;</u></r>", contentType: "text/xml")
        #expect(try text(css("t"), in: page, keepWhitespace: true) == expected)
        #expect(try text(css("u"), in: page) == "&")
    }

    @Test("XPath's root is an item like the page")
    func root() throws {
        let page = makePage("<h1>T</h1><p>x</p>")
        let fields = [Field(name: "t", selector: css("h1")), Field(name: "p", selector: xpath(".//p"))]
        #expect(
            try extract(makeKind(each: xpath("/"), fields: fields), from: page).items
                == [[.text("T"), .text("x")]])
    }

    @Test("refuses a kind whose selector does not parse")
    func refuses() {
        #expect(throws: SelectorError.self) { try HTMLPageCompiler().compile(makeKind(follow: [css("a[")])) }
        #expect(throws: SelectorError.self) { try HTMLPageCompiler().compile(makeKind(each: xpath("//a["))) }
    }
}
