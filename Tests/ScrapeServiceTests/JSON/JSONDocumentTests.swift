import Testing

@testable import ScrapeService

@Suite struct JSONDocumentTests {
    private func text(_ document: JSONDocument, _ node: Int = 0) -> String {
        String(decoding: document.value(of: node).bytes, as: UTF8.self)
    }

    private func read(_ source: String) throws -> String { text(try JSONDocument(Array(source.utf8))) }

    @Test(arguments: [
        ("[]", "[]"), (" {} ", "{}"), ("\u{FEFF}1", "1"),
        (#"{"b":[1,{"c":null}],"a":{"d":[]}}"#, #"{"b":[1,{"c":null}],"a":{"d":[]}}"#),
        ("1e400", "1e400"), ("-0.50", "-0.50"), ("12345678901234567890123", "12345678901234567890123"),
        ("true", "true"),
        (#""\u00e9\n\/\ud83d\ude00""#, #""é\n/😀""#), ("[[[[1],2],3],[[4]]]", "[[[[1],2],3],[[4]]]"),
        // What a parser of job specs refuses.
        (#""\ud800x""#, "\"\u{FFFD}x\""), (#""\udc00\ud800""#, "\"\u{FFFD}\u{FFFD}\""),
        (#""\ud800\u0041""#, "\"\u{FFFD}A\""),
        (#"{"a":1,"a":[2]}"#, #"{"a":[2]}"#), (#"{"a":{"x":1},"b":2,"\u0061":3}"#, #"{"b":2,"a":3}"#),
        (#"{"a":1,"a":2,"a":3}"#, #"{"a":3}"#),
    ])
    func aTextIsRead(_ source: String, _ written: String) throws {
        #expect(try read(source) == written)
    }

    @Test(arguments: [
        ("", 1, 1), ("{", 1, 2), ("[1,]", 1, 4), ("[1 2]", 1, 4), (#"{"a":1,}"#, 1, 8), (#"{"a" 1}"#, 1, 6),
        ("{1:2}", 1, 2), ("01", 1, 1),
        ("1.", 1, 1), ("[\n1,\n-]", 3, 1), ("nul", 1, 1), ("\"a", 1, 1), (#""\x""#, 1, 2), (#""\u12""#, 1, 2),
        ("\"\t\"", 1, 2), ("1 2", 1, 3),
        ("[1}", 1, 3), (#"{"a":1]"#, 1, 7), ("]", 1, 1), ("[1]]", 1, 4), ("'a'", 1, 1), ("NaN", 1, 1),
        ("{\"a\":\n 1,\n\"b\":x}", 3, 5),
        (#""a\"#, 1, 1), ("{\"a\"", 1, 5), ("[,1]", 1, 2), ("<html>", 1, 1), ("\u{0}", 1, 1),
    ])
    func aMistakeIsToldWithLineAndColumn(_ source: String, _ line: Int, _ column: Int) {
        let error = #expect(throws: JSONError.self) { try JSONDocument(Array(source.utf8)) }
        #expect(error?.line == line, "\(error?.message ?? "")")
        #expect(error?.column == column, "\(error?.message ?? "")")
    }

    @Test func bytesThatAreNoUTF8AreReplaced() throws {
        #expect(text(try JSONDocument([0x22, 0x61, 0xFF, 0x22])) == "\"a\u{FFFD}\"")
    }

    /// Strings are looked at eight bytes at a time: each place of a special byte, each length.
    @Test func stringsEndWhereTheyEnd() throws {
        for length in 0..<40 {
            let plain = String(repeating: "é", count: length / 2) + String(repeating: "x", count: length % 2)
            #expect(try read("[\"\(plain)\",1]") == "[\"\(plain)\",1]")
            #expect(try read("[\"\(plain)\\\"\(plain)\"]") == "[\"\(plain)\\\"\(plain)\"]")
            #expect(throws: JSONError.self) { try read("[\"\(plain)\u{1F}\(plain)\"]") }
            #expect(throws: JSONError.self) { try read("[\"\(plain)") }
        }
    }

    @Test func manyValuesAreBounded() {
        let rules = JSONRules(maxDepth: 10, maxValues: 5, namesAreUnique: false, surrogatesArePaired: false)
        #expect(throws: Never.self) { try JSONDocument(Array("[1,2,3,4]".utf8), rules: rules) }
        #expect(throws: JSONError.self) { try JSONDocument(Array("[1,2,3,4,5]".utf8), rules: rules) }
    }

    @Test func anEntryTakesSixteenBytes() {
        #expect(MemoryLayout<JSONNode>.stride == 16)
    }

    @Test func valuesAreWalked() throws {
        let document = try JSONDocument(Array(#"{"a":[1,[2,3]],"b":"x"}"#.utf8))
        let list = try #require(document.firstChild(of: 0))
        #expect(document.name(of: list) == "a")
        #expect(document.hasName(list, Array("a".utf8)))
        #expect(document.count(of: list) == 2)
        let next = try #require(document.sibling(after: list, before: document.end(of: 0)))
        #expect(document.text(of: next) == "x")
        #expect(document.sibling(after: next, before: document.end(of: 0)) == nil)
        #expect(document.firstChild(of: next) == nil)
        #expect(document.cost(of: list) > document.cost(of: next))
    }
}
