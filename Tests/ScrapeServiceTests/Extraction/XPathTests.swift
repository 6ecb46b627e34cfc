import Testing

@testable import ScrapeService

@Suite("XPath")
struct XPathTests {
    @Test(
        "takes the expressions that people write",
        arguments: [
            ".", "./a", "//a[@b='c']/text()", "(//a)[1]", "//a[position() = last()]",
            "//a[contains(., 'x') and @y]",
            "//a | //b", "string(//a)", "count(//a) * 2", "//div[div]", "//a[. = \"it's\"]",
            "//*[self::a or self::b]",
            "/", "//mod * 2 div 3", "./..", "//a/following-sibling::b[1]", "//text()[normalize-space()]",
            "//processing-instruction('x')", "id('x')", "//a[not(@b)]", "//@*", "//a[last()]", "//a[2][3]",
        ])
    func accepts(source: String) throws {
        try HTMLPageCompiler().check(xpath(source))
    }

    @Test(
        "tells what is wrong and where",
        arguments: [
            ("//a[", 3), ("//a]", 3), ("((1)", 0), ("//a)", 3), ("//a[@b='c]", 7), ("//a[foo()]", 4),
            ("$x", 0),
            ("//x:a", 2), ("count(//a, //b)", 5), ("substring('a')", 9), ("//a/", 4), ("1 +", 3),
            ("//a[(])", 5),
            ("//a | document('x')", 6), ("re:test('a')", 0), ("//a | //b[", 9), ("//a//", 5),
            ("//a | //b/", 10),
        ])
    func refuses(source: String, offset: Int) throws {
        let error = try #require(throws: SelectorError.self) { try HTMLPageCompiler().check(xpath(source)) }
        #expect(error.offset == offset, "\(source): \(error.message)")
    }

    @Test(
        "refuses wrong types, endless nesting and endless concat()",
        arguments: [
            "count('x')", "//a | 'x'", String(repeating: "(", count: 5000),
            "/" + String(repeating: "a/", count: 3000) + "a",
            "concat(" + Array(repeating: ".", count: 40).joined(separator: ",") + ")",
        ])
    func refusesAbuse(source: String) {
        #expect(throws: SelectorError.self) { try HTMLPageCompiler().check(xpath(source)) }
    }

    @Test(
        "numbers and booleans become text",
        arguments: [
            ("count(//p)", "2"), ("1 div 3 > 0", "true"), ("boolean(//x)", "false"), ("sum(//i)", "3.5"),
            ("string(//x)", ""), ("number('1234567890123456')", "1234567890123456"),
            ("-9007199254740992", "-9007199254740992"),
            ("number('12345678901234567890')", "12345678901234600000"),
        ])
    func scalars(source: String, expected: String) throws {
        let page = makePage("<p>a</p><p>b</p><i>1.5</i><i>2</i>")
        #expect(try text(xpath("(\(source))"), in: page) == expected)
    }

    @Test("a union is in document order and holds each node once")
    func union() throws {
        let page = makePage("<p id=1>a</p><b id=2>b</b><p id=3>c</p>")
        #expect(try texts(xpath("//p | //b | //p[2]"), in: page) == ["a", "b", "c"])
        #expect(try texts(xpath("//b/@id | //p/@id"), in: page) == ["1", "2", "3"])
        #expect(try texts(xpath("//nothing | //b"), in: page) == ["b"])
    }

    @Test("what follows an attribute is its element's content and all behind it")
    func followingAttribute() throws {
        let page = makePage("<p id=1>a<b>c</b></p><i id=2></i><u>d</u>")
        #expect(try texts(xpath("//p/@id/following::*"), in: page) == ["c", "", "d"])
        #expect(try texts(xpath("//@id/following::text()"), in: page) == ["a", "c", "d"])
        #expect(try texts(xpath("//i/@id/following::*"), in: page) == ["d"])
    }

    @Test("an expression as long as allowed evaluates on a small stack")
    func longPath() throws {
        let path = "/" + String(repeating: "/a", count: 2000)
        let sum = "(1" + String(repeating: "+1", count: 2000) + ")"
        let page = makePage(String(repeating: "<b>", count: 50))
        let found = try onThread(stackBytes: 512 * 1024) {
            try [texts(xpath(path), in: page), texts(xpath(sum), in: page)]
        }
        #expect(found == [[], ["2001"]])
    }
}
