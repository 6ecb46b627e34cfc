import Foundation
import Testing

@testable import ScrapeService

@Suite struct RequestTemplateTests {
    private func fill(_ value: String, _ encoding: TextTemplate.Encoding) -> String {
        var template = TextTemplate()
        template.append("<")
        template.append(TextTemplate.Place(name: "v", encoding: encoding))
        template.append(">")
        return template.text(with: ["v": value])
    }

    @Test(arguments: [
        ("a-Z_0.9~", "a-Z_0.9~"), ("a b/c?d=e&f#g+%", "a%20b%2Fc%3Fd%3De%26f%23g%2B%25"),
        ("é😀", "%C3%A9%F0%9F%98%80"), ("", ""),
        ("\u{0}\n", "%00%0A"),
    ])
    func inAURLAllButUnreservedCharactersAreEncoded(_ value: String, _ text: String) {
        #expect(fill(value, .percent) == "<\(text)>")
    }

    @Test func aHeaderFieldTakesNoControlCharacters() {
        #expect(fill("a\r\nX: y\u{7F}\té", .fieldValue) == "<aX: yé>")
    }

    @Test(arguments: [
        ("1", "1"), ("-12", "-12"), ("0", "0"), ("12345678901234567890123", "12345678901234567890123"),
        ("007", "\"007\""),
        ("-0", "\"-0\""), ("1.5", "\"1.5\""), ("+1", "\"+1\""), ("", "\"\""), ("-", "\"-\""),
        ("a\"\\\n\u{1}é", #""a\"\\\u000a\u0001é""#),
        ("١", "\"١\""),
    ])
    func aJSONValueIsANumberWhereItIsAnIntegers(_ value: String, _ json: String) {
        #expect(fill(value, .jsonValue) == "<\(json)>")
        #expect(throws: Never.self) { try JSONParser.parse(Array(json.utf8)) }
    }

    @Test func oneValueFillsSeveralPlaces() throws {
        var body = TextTemplate()
        body.append(TextTemplate.Place(name: "a", encoding: .jsonString))
        body.append("-")
        body.append(TextTemplate.Place(name: "b", encoding: .plain))
        body.append(TextTemplate.Place(name: "a", encoding: .plain))
        let template = RequestTemplate(method: "PUT", headers: [.init(name: "X", value: body)], body: body)
        let request = template.request(with: ["a": "\"", "b": "2"])
        #expect(
            request
                == PageRequest(
                    method: "PUT", headers: [HeaderField(name: "X", value: "\\\"-2\"")], body: "\\\"-2\""))
        #expect(template.names == ["a", "b"])
        let stored = try JSONEncoder().encode(template)
        #expect(try JSONDecoder().decode(RequestTemplate.self, from: stored) == template)
    }

    @Test func startPagesAreEveryCombinationOfWhatURLAndRequestName() {
        let one = URLTemplate.Variable(name: "n", values: .integers(from: 1, to: 2, step: 1))
        var body = TextTemplate()
        body.append(TextTemplate.Place(name: "q", encoding: .plain))
        body.append(TextTemplate.Place(name: "n", encoding: .plain))
        var entry = StartEntry(
            template: URLTemplate(literals: ["http://h/", ""], variables: [one]), kind: "p")
        entry.request = RequestTemplate(method: "POST", body: body)
        entry.requestVariables = [URLTemplate.Variable(name: "q", values: .list(["x", "y"]))]
        let pages = StartPages(entries: [entry], urls: CurlURLs())
        #expect(pages.count == 4)
        #expect(
            pages.map { "\($0.url.text) \($0.request?.body ?? "")" } == [
                "http://h/1 x1", "http://h/1 y1", "http://h/2 x2", "http://h/2 y2",
            ])
    }

    @Test func anEntryStoredBeforeThereWereRequestsIsRead() throws {
        let stored = #"{"template":{"literals":["http://h/"],"variables":[]},"kind":"p"}"#
        let entry = try JSONDecoder().decode(StartEntry.self, from: Data(stored.utf8))
        #expect(entry.request == nil)
        #expect(StartPages(entries: [entry], urls: CurlURLs()).map(\.request) == [nil])
    }
}
