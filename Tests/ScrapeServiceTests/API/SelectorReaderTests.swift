import Testing

@testable import ScrapeService

@Suite struct SelectorReaderTests {
    private func read(_ json: String) throws -> (field: Field?, findings: [Problem.Place]) {
        let findings = Findings()
        let reader = SelectorReader(compiler: HTMLPageCompiler(), findings: findings)
        let field = reader.readField("f", try JSONParser.parse(Array(json.utf8)), at: "/f")
        return (field, findings.places)
    }

    @Test func everyOptionIsRead() throws {
        let (field, findings) = try read(
            #"{"css":"p","all":true,"match":"a(b)","type":"number","required":true,"keep_whitespace":true}"#)
        #expect(findings.isEmpty)
        #expect(
            field
                == Field(
                    name: "f", selector: css("p"), all: true, keepWhitespace: true, match: "a(b)",
                    type: .number, required: true))
    }

    @Test(arguments: FieldType.allCases)
    func everyTypeIsRead(_ type: FieldType) throws {
        let (field, findings) = try read(#"{"xpath":"//p","type":"\#(type.rawValue)"}"#)
        #expect(findings.isEmpty && field?.type == type)
    }

    @Test func aStringIsASelectorWithoutOptions() throws {
        #expect(try read(#""p""#).field == Field(name: "f", selector: css("p")))
        #expect(try read(#"".""#).field == Field(name: "f", selector: xpath(".")))
        #expect(try read(#""./p""#).field == Field(name: "f", selector: xpath("./p")))
    }

    @Test(arguments: [
        (#"{"css":"p","match":"(a"}"#, "/f/match"), (#"{"css":"p","match":"[z-a]"}"#, "/f/match"),
        (#"{"css":"p","match":""}"#, "/f/match"), (#"{"css":"p","match":"a\u0000"}"#, "/f/match"),
        (#"{"css":"p","match":null}"#, "/f/match"), (#"{"css":"p","type":"float"}"#, "/f/type"),
        (#"{"css":"p","type":1}"#, "/f/type"), (#"{"css":"p","required":1}"#, "/f/required"),
        (#"{"css":"p","all":"yes"}"#, "/f/all"), (#"{"css":"p","regex":"a"}"#, "/f/regex"),
        (#"{"css":"p","xpath":"//p"}"#, "/f"), (#"{"match":"a"}"#, "/f"), (#"{"css":5}"#, "/f/css"),
        (#"{"css":"p["}"#, "/f/css"), (#"{"xpath":"//p["}"#, "/f/xpath"), ("[]", "/f"), ("5", "/f"),
    ])
    func aMistakeHasItsPointer(_ json: String, _ pointer: String) throws {
        let findings = try read(json).findings
        #expect(findings.map(\.pointer) == [pointer])
    }

    @Test func aPatternThatDoesNotParseNamesItsCharacter() throws {
        let detail = try #require(try read(#"{"css":"p","match":"één(c"}"#).findings.first?.detail)
        #expect(detail.contains("regular expression") && detail.hasSuffix("at character 6"))
    }

    @Test func selectorsOfItemsAndLinksTakeNoOptions() throws {
        let findings = Findings()
        let reader = SelectorReader(compiler: HTMLPageCompiler(), findings: findings)
        let value = try JSONParser.parse(Array(#"{"css":"p","all":true,"match":"a"}"#.utf8))
        #expect(reader.readSelector(value, at: "/each") == css("p"))
        #expect(findings.places.map(\.pointer) == ["/each"])
        #expect(findings.places.first?.detail.contains("match, all") == true)
    }
}
