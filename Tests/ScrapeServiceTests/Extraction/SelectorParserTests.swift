import Testing

@testable import ScrapeService

@Suite("The selector parser")
struct SelectorParserTests {
    @Test(
        "takes the selectors that people write",
        arguments: [
            "a", "*", "#id", ".c", "a.b#c[d]", "a > b + c ~ d e", "a,b , c", "[a=b]", "[a='b c']",
            "[a=\"b\" i]",
            "[a=b S]", "[data-id=12]", ":not(a)", ":not(a, .b > c)", ":is(a, b) :where(c)", ":has(> a, + b)",
            "li:nth-child(2n+1)", "li:nth-child( -N + 3 )", "li:nth-child(EVEN)", ":NOT(a)", "a::text",
            "::text",
            "a::attr(href)", "a::attr('data-x')", "a::attr( href )", "a::HTML", "a, b::text",
            "/* c */ a /* d */",
            "\\31 23", ".a\\:b", "#\\#", "a:hover", ":lang(nl, 'en')", "  a  ", "é", "a\u{0C}b", "--x", "-a",
            ":scope > p", ":root", "[a]:not([b])", "a:not(:is(:has(b)))",
        ])
    func accepts(source: String) throws {
        _ = try SelectorParser.parse(source)
    }

    @Test(
        "tells what is wrong and where",
        arguments: [
            ("", 0), ("   ", 3), ("a,", 2), (",a", 0), ("a,,b", 2), ("> a", 0), ("a >", 3), ("a > > b", 4),
            (".", 1),
            (". a", 1), (".1", 1), ("#", 1), ("[", 1), ("[]", 1), ("[a", 2), ("[a=", 3), ("[a=]", 3),
            ("[a='b]", 3),
            ("[a!=b]", 2), ("[a=b c]", 5), ("a[b", 3), (":", 1), (":foo", 0), ("a:foo(1)", 1), (":not", 0),
            (":not()", 5), (":not(a", 6), (":nth-child()", 11), (":nth-child(x)", 11),
            (":nth-child(2n+)", 14),
            (":nth-child(2 of p)", 13), ("a)", 1), ("ns|a", 0), ("*|a", 0), ("[ns|a]", 1), ("a::foo", 1),
            ("a::text b", 8), ("a::attr", 1), ("a::attr()", 8), (":not(a::text)", 6), ("a::before", 1),
            ("a:before", 1), ("a /* b", 2), ("ul/**/li", 6), ("a{", 1), ("a;b", 1), ("12", 0),
            ("a:first-child(2)", 1),
            ("\u{1F600}\u{1F600} >", 4),
        ])
    func refuses(source: String, offset: Int) throws {
        let error = try #require(throws: SelectorError.self) { try SelectorParser.parse(source) }
        #expect(error.offset == offset, "\(source): \(error.message)")
        #expect(!error.message.isEmpty)
    }

    @Test("reads compounds from the subject outwards")
    func structure() throws {
        let syntax = try SelectorParser.parse("ul > li.item a::attr(href)")
        let alternative = try #require(syntax.alternatives.first)
        #expect(alternative.output == .attribute("href"))
        #expect(alternative.selector.subject == CompoundSelector(type: "a"))
        #expect(alternative.selector.context.map(\.combinator) == [.descendant, .child])
        #expect(alternative.selector.context[0].compound.conditions == [.hasClass("item")])
        #expect(alternative.selector.context[1].compound.type == "ul")
    }

    @Test(
        "reads an+b",
        arguments: [
            ("odd", 2, 1), ("even", 2, 0), ("3", 0, 3), ("+3", 0, 3), ("-3", 0, -3), ("n", 1, 0),
            ("-n", -1, 0),
            ("+n", 1, 0), ("2n", 2, 0), ("2n+1", 2, 1), ("2n - 1", 2, -1), ("-2n+3", -2, 3), ("0n+4", 0, 4),
            ("99999999999999999999", 0, 1_000_000_000),
        ])
    func formula(source: String, step: Int, offset: Int) throws {
        let syntax = try SelectorParser.parse(":nth-child(\(source))")
        #expect(
            syntax.alternatives[0].selector.subject.conditions == [.nth(.init(step: step, offset: offset))])
    }

    @Test(
        "decodes escapes",
        arguments: [("\\61", "a"), ("\\000061b", "ab"), ("\\61 b", "ab"), ("\\.", "."), ("\\0", "\u{FFFD}")])
    func escapes(source: String, name: String) throws {
        #expect(try SelectorParser.parse(source).alternatives[0].selector.subject.type == name)
    }

    @Test("refuses what is too long or too deep")
    func limits() throws {
        #expect(throws: SelectorError.self) { try SelectorParser.parse(String(repeating: "a", count: 4097)) }
        let deep = String(repeating: ":not(", count: 17) + "a" + String(repeating: ")", count: 17)
        let error = try #require(throws: SelectorError.self) { try SelectorParser.parse(deep) }
        #expect(error.message.contains("nested"))
    }
}
