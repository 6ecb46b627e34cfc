import Testing

@testable import ScrapeService

/// JSON bodies as pages: what is given up, and what is too much.
@Suite struct JSONPlanTests {
    private func json(_ source: String) -> Selector { Selector(language: .json, source: source) }

    private func extract(each: String? = nil, _ fields: [Field], _ body: String) throws -> Extraction {
        let kind = PageKind(name: "p", each: each.map(json), fields: fields)
        return try JSONPlan(kind).extract(
            PageDocument(body: Array(body.utf8), contentType: "application/json"))
    }

    private static func list(_ count: Int, _ element: String) -> String {
        "[" + Array(repeating: element, count: count).joined(separator: ",") + "]"
    }

    @Test func aFieldThatWasGivenUpMakesNoItems() throws {
        let text = String(repeating: "a", count: 5000) + "!"
        let fields = [
            Field(name: "bad", selector: json("$.t"), match: "(a+)+$"),
            Field(name: "n", selector: json("$.n")),
        ]
        let body = #"[{"t":"\#(text)"},{"n":1},{"x":1},{"t":"a"},{"n":2}]"#
        let result = try extract(each: "$[*]", fields, body)
        #expect(result.items == [[.null, nil], [.null, .text("1")], [.null, .text("2")]])
        #expect(result.warnings == [FieldWarning(code: .patternExhausted, field: 0): 1])
    }

    @Test func aBodyBeyondTheBoundsIsTooLarge() throws {
        let fields = [Field(name: "a", selector: json("$.a"))]
        #expect {
            try extract(fields, String(repeating: "[", count: 2000) + String(repeating: "]", count: 2000))
        } throws: { error in
            guard case ExtractionError.tooLarge(let detail) = error else { return false }
            return detail.hasPrefix("nested deeper than 1000 levels")
        }
        #expect {
            try extract(fields, "[")
        } throws: { error in
            if case ExtractionError.notJSON = error { true } else { false }
        }
    }

    @Test func anOrdinaryLargePageIsReadWhole() throws {
        let names = (0..<10).map { "f\($0)" }
        let fields = names.map { Field(name: $0, selector: json("$.\($0)")) }
        let element = "{" + names.map { #""\#($0)":"value"# + "\"" }.joined(separator: ",") + "}"
        let items = try extract(each: "$[*]", fields, Self.list(100_000, element)).items
        #expect(items.count == 100_000 && items[99_999].allSatisfy { $0 == .text("value") })
    }

    @Test func itemsWithMoreFieldsThanAPageMayHaveAreTooLarge() throws {
        let fields = (0..<500).map { Field(name: "f\($0)", selector: json($0 == 0 ? "$.a" : "$.b")) }
        let count = FieldReader.maxItemFields / 500 + 1
        #expect {
            try extract(each: "$[*]", fields, Self.list(count, #"{"a":1}"#))
        } throws: { error in
            if case ExtractionError.tooLarge = error { true } else { false }
        }
    }

    @Test func itemsThatAreTooLongAsJSONAreTooLarge() throws {
        let names = (0..<100).map { "\($0)" + String(repeating: "n", count: 190) }
        let fields = names.map { Field(name: $0, selector: json($0.hasPrefix("0n") ? "$.a" : "$.b")) }
        let kind = PageKind(name: "p", each: json("$[*]"), fields: fields)
        let work = try PageWork(kind: kind, plan: JSONPlan(kind), urls: CurlURLs())
        func read(_ count: Int) throws {
            let body = Array(Self.list(count, #"{"a":1}"#).utf8)
            _ = try work.read(FetchResponse(status: 200, finalURL: "http://h/", body: body, seconds: 0))
        }
        try read(100)
        #expect(throws: ExtractionError.tooLarge("the page's items have more than 256 MiB as JSON")) {
            try read(PageWork.maxItemBytes / 19_000)
        }
    }

    /// Levels that a stored item may have and a client's body may not.
    @Test func thePreviewCountsDeepValuesOfItems() throws {
        let kind = PageKind(name: "p", fields: [Field(name: "a", selector: json("$.a"), type: .json)])
        let deep = String(repeating: "[", count: 200) + String(repeating: "]", count: 200)
        let document = PageDocument(body: Array(#"{"a":\#(deep)}"#.utf8), contentType: "application/json")
        let found = try PreviewProbe(kind, PlanCompiler()).count(
            document, keeping: [ItemData(json: #"{"a":\#(deep)}"#)])
        #expect(found.selectors.map(\.values) == [1] && found.selectors.map(\.matched) == [1])
    }
}
