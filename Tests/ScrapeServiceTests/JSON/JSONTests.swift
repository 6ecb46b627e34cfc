import Foundation
import Testing

@testable import ScrapeService

@Suite struct JSONTests {
    private func parse(_ text: String) throws -> JSONValue { try JSONParser.parse(Array(text.utf8)) }

    @Test(arguments: [
        #"{"b":1,"a":[true,false,null],"c":{"x":"y"}}"#, "[]", "{}", "-0.5e+10", #""é\"\\\n\u0001""#,
        "[1,2,[3,[4]]]", "12345678901234567890123",
    ])
    func whatIsReadIsWrittenTheSame(_ text: String) throws {
        #expect(String(decoding: try parse(text).bytes, as: UTF8.self) == text)
    }

    @Test(arguments: [
        "", " ", "{", "[1,]", "{\"a\":1,}", "{\"a\" 1}", "{a:1}", "01", "1.", "1e", "-", "+1", ".5", "tru",
        "nul",
        "\"a", "\"\\x\"", "\"\\u12g4\"", "\"\t\"", "1 2", "[1}", "{\"a\":1,\"a\":2}", "'a'", "NaN",
        "\"\\u+123\"",
    ])
    func whatIsNoJSONIsRefused(_ text: String) {
        #expect(throws: JSONError.self) { try parse(text) }
    }

    @Test(arguments: [#""\ud800""#, #""\udc00""#, #""\ud800x""#, #""\ud800\ud800""#, #""\udfff\ud800""#])
    func aLoneSurrogateIsRefused(_ text: String) {
        #expect(throws: JSONError.self) { try parse(text) }
    }

    @Test func aSurrogatePairIsOneCharacter() throws {
        #expect(try parse(#""\ud83d\ude00""#) == .string("😀"))
    }

    @Test func bytesThatAreNotUTF8AreRefused() {
        #expect(throws: JSONError.self) { try JSONParser.parse([0x22, 0xC3, 0x28, 0x22]) }
    }

    @Test func anErrorNamesItsLineAndColumn() throws {
        let error = #expect(throws: JSONError.self) { try parse("{\n  \"a\": ?\n}") }
        #expect(error?.line == 2)
        #expect(error?.column == 8)
    }

    @Test func nestingIsBounded() {
        let deep = String(repeating: "[", count: 100_000)
        #expect(throws: JSONError.self) { try parse(deep) }
        #expect(throws: Never.self) {
            try parse(String(repeating: "[", count: 64) + String(repeating: "]", count: 64))
        }
    }

    @Test func numbersAreReadExactly() throws {
        #expect(try parse("9007199254740993").int == 9_007_199_254_740_993)
        #expect(try parse("9007199254740993.0").int == 9_007_199_254_740_993)
        #expect(try parse("-9007199254740993.00").int == -9_007_199_254_740_993)
        #expect(try parse("9007199254740993e0").int == nil)
        #expect(try parse("1e3").int == 1000)
        #expect(try parse("1.5").int == nil)
        #expect(try parse("1e999").double == nil)
    }

    @Test func doublesAreRoundedToTheirDecimals() {
        var writer = JSONWriter()
        writer.array { list in
            list.number(0.1 + 0.2)
            list.number(2)
            list.number(.infinity)
            list.number(1310.4999)
        }
        #expect(String(decoding: writer.bytes, as: UTF8.self) == "[0.3,2,null,1310.5]")
    }

    @Test func foundationReadsEveryControlCharacterThatIsWritten() throws {
        let text = String(String.UnicodeScalarView((0..<0x80).compactMap { Unicode.Scalar($0) }))
        let bytes = JSONValue.array([.string(text)]).bytes
        let read = try #require(try JSONSerialization.jsonObject(with: Data(bytes)) as? [String])
        #expect(read == [text])
    }
}
