import Testing

@testable import ScrapeService

/// What a text becomes as each type; nil: it cannot be read as the type.
@Suite struct FieldConversionTests {
    typealias Case = (text: String, json: String?)

    @Test(
        arguments: [
            ("0", "0"), ("5", "5"), ("+5", "5"), ("-5", "-5"), ("\u{2212}5", "-5"), ("007", "7"),
            ("000", "0"),
            ("-0", "0"), ("+0", "0"), (" 12 ", "12"), ("\u{A0}12\u{A0}", "12"), ("\t12\r\n", "12"),
            ("\u{3000}12\u{2009}", "12"), ("\u{85}12", "12"),
            ("9223372036854775808", "9223372036854775808"),
            ("123456789012345678901234567890", "123456789012345678901234567890"),
            ("-123456789012345678901234567890", "-123456789012345678901234567890"),
            (String(repeating: "9", count: 1000), String(repeating: "9", count: 1000)),
            (String(repeating: "9", count: 1001), nil),
            ("", nil), (" ", nil), ("+", nil), ("-", nil), ("--5", nil), ("- 5", nil), ("5-", nil),
            ("5.0", nil),
            ("5.", nil), (".5", nil), ("1e3", nil), ("1,000", nil), ("1.000", nil), ("1 000", nil),
            ("1\u{A0}000", nil), ("1'000", nil), ("1_000", nil), ("0x10", nil), ("five", nil), ("5 km", nil),
            ("€5", nil), ("5%", nil), ("\u{665}", nil), ("\u{FF15}", nil), ("5\u{301}", nil),
            ("5\u{200B}", nil),
            ("½", nil), ("\0", nil), ("5\0", nil),
        ] as [Case])
    func anIntegerIsSignAndDigits(_ text: String, _ json: String?) {
        #expect(FieldConversion.value(of: text, as: .integer) == json.map(FieldValue.number))
    }

    @Test(
        arguments: [
            ("0", "0"), ("5", "5"), ("12.5", "12.5"), ("+12.5", "12.5"), ("-12.50", "-12.50"),
            ("\u{2212}.5", "-0.5"),
            (".5", "0.5"), ("5.", "5"), ("-0", "-0"), ("0.0", "0.0"), ("00.10", "0.10"), ("007.5", "7.5"),
            ("1e3", "1e3"), ("1E3", "1E3"), ("1e+3", "1e+3"), ("1.5e-3", "1.5e-3"), ("1e007", "1e007"),
            (" 3.14\u{A0}", "3.14"), ("0.1", "0.1"), ("1e308", "1e308"), ("1e-400", "1e-400"),
            ("3.141592653589793238462643383279", "3.141592653589793238462643383279"),
            ("12345678901234567890.5", "12345678901234567890.5"),
            ("", nil), (".", nil), ("-", nil), ("-.", nil), ("e3", nil), ("1e", nil), ("1e+", nil),
            ("1e3.5", nil),
            ("1.2.3", nil), ("1.234,56", nil), ("1,234.56", nil), ("1,5", nil), ("12,-", nil),
            ("1 234.5", nil),
            ("1\u{202F}234.5", nil), ("€ 12.50", nil), ("12.50 EUR", nil), ("0x1p3", nil), ("1e309", nil),
            ("-1e999", nil), ("NaN", nil), ("nan", nil), ("Infinity", nil), ("-inf", nil),
            ("1.\u{308}5", nil),
            ("1.5f", nil), ("(1.5)", nil), (String(repeating: "9", count: 400), nil),
            ("0." + String(repeating: "1", count: 998), "0." + String(repeating: "1", count: 998)),
            ("0." + String(repeating: "1", count: 999), nil),
        ] as [Case])
    func aNumberIsWhatProgramsWrite(_ text: String, _ json: String?) {
        #expect(FieldConversion.value(of: text, as: .number) == json.map(FieldValue.number))
    }

    @Test func aNumberIsAlwaysAJSONNumber() throws {
        for text in ["+5", ".5", "5.", "007", "00.10", "-.5", "1E+3", "-0", "1e007", "\u{2212}5"] {
            guard case .number(let json)? = FieldConversion.value(of: text, as: .number) else {
                Issue.record("\(text) is no number")
                continue
            }
            #expect(try JSONParser.parse(Array(json.utf8)) == .number(json))
            #expect(Double(json) == Double(text.replacing("\u{2212}", with: "-")), "\(text)")
        }
    }

    @Test(
        arguments: [
            ("true", true), ("True", true), ("TRUE", true), ("yes", true), ("Yes", true), ("on", true),
            ("1", true),
            (" true\u{A0}", true), ("false", false), ("False", false), ("no", false), ("NO", false),
            ("off", false),
            ("0", false), ("\n0\n", false), ("", nil), ("t", nil), ("y", nil), ("n", nil), ("2", nil),
            ("-1", nil),
            ("01", nil), ("1.0", nil), ("truth", nil), ("ja", nil), ("nee", nil), ("checked", nil),
            ("null", nil),
            ("true false", nil),
        ] as [(String, Bool?)])
    func aBooleanIsOneOfEightWords(_ text: String, _ flag: Bool?) {
        #expect(FieldConversion.value(of: text, as: .boolean) == flag.map(FieldValue.boolean))
    }

    @Test(
        arguments: [
            ("{}", #"{}"#), (" [1, 2.50, \"a\"] ", #"[1,2.50,"a"]"#), (#""x""#, #""x""#), ("12", "12"),
            ("true", "true"), ("null", "null"), ("\u{FEFF}{}", "{}"),
            (#"{"b": 1, "a": [null]}"#, #"{"b":1,"a":[null]}"#),
            (#"{"@type": "Product", "name": "Fiets \u00e9\/"}"#, #"{"@type":"Product","name":"Fiets é/"}"#),
            ("123456789012345678901234567890", "123456789012345678901234567890"),
            (#"{"a": 1, "a": 2}"#, #"{"a":2}"#), (#""\ud800""#, "\"\u{FFFD}\""),
            ("", nil), ("{", nil), ("{a: 1}", nil), ("{'a': 1}", nil), ("[1,]", nil), ("1 2", nil),
            ("NaN", nil),
            ("<!-- {} -->", nil), ("var x = {}", nil), ("{};", nil), ("undefined", nil), ("01", nil),
            ("+1", nil),
            (String(repeating: "[", count: 100_000), nil),
        ] as [Case])
    func jsonIsParsedAndKept(_ text: String, _ json: String?) throws {
        let expected = try json.map { FieldValue(try JSONParser.parse(Array($0.utf8))) }
        #expect(FieldConversion.value(of: text, as: .json) == expected)
    }

    @Test(
        arguments: [
            (" a ", .text, " a "), ("", .text, ""), ("1", .text, "1"), (" /a?b#c ", .url, "/a?b#c"),
            ("x y", .url, "x y"),
            ("", .url, nil), (" \u{A0}", .url, nil),
        ] as [(String, FieldType, String?)])
    func textStandsAsItIsAndAReferenceWaitsForItsPage(_ text: String, _ type: FieldType, _ value: String?) {
        #expect(FieldConversion.value(of: text, as: type) == value.map(FieldValue.text))
    }

    // MARK: Values of a JSON body

    @Test(
        arguments: [
            (#""a""#, .text, #""a""#), (#"" a ""#, .text, #""a""#), ("1.50", .text, #""1.50""#),
            ("true", .text, #""true""#), ("false", .text, #""false""#), ("[1, 2]", .text, #""[1,2]""#),
            ("{}", .text, #""{}""#),
            ("5", .integer, "5"), ("5.0", .integer, "5"),
            ("9007199254740993.0", .integer, "9007199254740993"), ("1e3", .integer, "1000"),
            ("-0", .integer, "0"),
            ("5.5", .integer, nil), ("12345678901234567890", .integer, "12345678901234567890"),
            (#"" 5 ""#, .integer, "5"), (#""5.0""#, .integer, nil), ("true", .integer, nil),
            ("[5]", .integer, nil),
            ("5", .number, "5"), ("5.50", .number, "5.50"), ("1e999", .number, nil),
            (#""5.5""#, .number, "5.5"),
            (#""5,5""#, .number, nil), ("false", .number, nil), ("{}", .number, nil),
            ("true", .boolean, "true"), ("1", .boolean, "true"), ("0", .boolean, "false"),
            ("2", .boolean, nil),
            (#""no""#, .boolean, "false"), (#""nope""#, .boolean, nil), ("[true]", .boolean, nil),
            (#""/a""#, .url, #""/a""#), (#""""#, .url, nil), ("{}", .url, nil), ("[]", .url, nil),
            (#"{"a": [1, null]}"#, .json, #"{"a":[1,null]}"#), (#"" a ""#, .json, #"" a ""#),
            ("1e999", .json, "1e999"),
            ("null", .text, "null"), ("null", .integer, "null"), ("null", .number, "null"),
            ("null", .boolean, "null"), ("null", .url, "null"), ("null", .json, "null"),
        ] as [(String, FieldType, String?)])
    func aJSONValueIsReadAsTheType(_ source: String, _ type: FieldType, _ json: String?) throws {
        let value = try JSONParser.parse(Array(source.utf8))
        let expected = try json.map { FieldValue(try JSONParser.parse(Array($0.utf8))) }
        #expect(FieldConversion.value(of: value, as: type, trimmed: true) == expected)
    }

    @Test func aTextOfJSONKeepsItsWhiteSpaceWhereAsked() {
        let value = JSONValue.string(" a ")
        #expect(FieldConversion.value(of: value, as: .text, trimmed: false) == .text(" a "))
    }

    // MARK: White space

    @Test(arguments: [
        ("a", "a"), (" a b ", "a b"), ("\u{A0}\u{2003}a\u{3000}", "a"), ("", ""), (" \n\u{85}", ""),
        ("\u{200B}a", "\u{200B}a"), ("\u{FEFF}a", "\u{FEFF}a"), (" e\u{301} ", "e\u{301}"),
    ])
    func trimmingTakesUnicodeWhiteSpace(_ text: String, _ trimmed: String) {
        #expect(FieldConversion.trimmed(text) == trimmed)
    }
}
