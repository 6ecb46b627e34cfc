import Testing

@testable import ScrapeService

/// A field's options at work on a page.
@Suite struct FieldOptionTests {
    private static let page = makePage(
        """
        <h1> Kop </h1><p>Nieuw</p><p>Prijs: 12 euro</p><p>Prijs: veel euro</p><p>Prijs: 15 euro</p>
        <a href="/b#c">x</a><a href="/d">y</a>
        """)

    private func value(_ change: (inout Field) -> Void) throws -> FieldValue? {
        var field = Field(name: "f", selector: css("p"))
        change(&field)
        let other = Field(name: "h", selector: css("h1"))
        let items = try extract(makeKind(fields: [field, other]), from: Self.page).items
        return try #require(items.first)[0]
    }

    @Test func matchLooksForTheFirstMatchThatHasIt() throws {
        #expect(try value { $0.match = #"Prijs: (\w+)"# } == .text("12"))
        #expect(try value { $0.match = "veel" } == .text("veel"))
        #expect(try value { $0.match = "gratis" } == nil)
        #expect(try value { $0.match = "Prijs:(.*)euro" } == .text("12"))
        #expect(
            try value {
                $0.match = "Prijs:(.*)euro"
                $0.keepWhitespace = true
            } == .text(" 12 "))
    }

    @Test func withAllThoseThatHaveItAreTaken() throws {
        #expect(
            try value {
                $0.match = #"Prijs: (\w+)"#
                $0.all = true
            } == .list([.text("12"), .text("veel"), .text("15")]))
        #expect(
            try value {
                $0.match = "gratis"
                $0.all = true
            } == nil)
    }

    @Test func whatIsNotOfTheTypeIsNullInItsPlaceAndCounted() throws {
        let field = Field(
            name: "f", selector: css("p"), all: true, match: #"Prijs: (\w+)"#, type: .integer)
        let result = try extract(makeKind(fields: [field]), from: Self.page)
        #expect(result.items == [[.list([.number("12"), .null, .number("15")])]])
        #expect(result.warnings == [FieldWarning(code: .typeMismatch, field: 0): 1])
    }

    @Test func anItemWhoseOnlyValueIsUnreadableIsKept() throws {
        let field = Field(name: "f", selector: css("h1"), type: .number)
        let result = try extract(makeKind(fields: [field]), from: Self.page)
        #expect(result.items == [[.null]])
        #expect(result.warnings == [FieldWarning(code: .typeMismatch, field: 0): 1])
    }

    @Test func theBaseIsThereForFieldsToo() throws {
        let page = makePage("<base href='/dir/'><a href=b>x</a>")
        let field = Field(name: "f", selector: css("a::attr(href)"), type: .url)
        #expect(try extract(makeKind(fields: [field]), from: page).base == "/dir/")
    }

    @Test func aPatternThatRunsAwayIsGivenUpForThePage() throws {
        let text = String(repeating: "a", count: 5000) + "!"
        let page = makePage("<li><b>1</b><p>\(text)</p></li><li><b>2</b><p>\(text)</p></li><li><p>b</p></li>")
        let fields = [
            Field(name: "n", selector: css("b"), type: .integer),
            Field(name: "bad", selector: css("p"), match: "(a+)+$"),
        ]
        let result = try extract(makeKind(each: css("li"), fields: fields), from: page)
        // In the last one nothing matched that was still looked for.
        #expect(result.items == [[.number("1"), .null], [.number("2"), .null]])
        #expect(result.warnings == [FieldWarning(code: .patternExhausted, field: 1): 1])
    }

    @Test func aPatternThatDoesNotParseIsASelectorError() {
        let field = Field(name: "f", selector: css("p"), match: "a(b")
        #expect(throws: SelectorError.self) { try HTMLPageCompiler().compile(makeKind(fields: [field])) }
    }

    @Test func aSelectorThatReachesItsBoundLeavesItsFieldNull() throws {
        var reader = FieldReader(
            try [
                FieldReading(Field(name: "a", selector: css("a"))),
                FieldReading(Field(name: "b", selector: css("b"), all: true)),
            ])
        var runs = 0
        for _ in 0..<3 {
            let value = try reader.value(of: 0) { take in
                runs += 1
                _ = try take(.text("x"))
                throw ExtractionError.exhausted("too many steps")
            }
            #expect(value == .null)
        }
        #expect(runs == 1, "given up for the rest of the page")
        let other = try reader.value(of: 1) { take in _ = try take(.text("y")) }
        #expect(other == .list([.text("y")]))
        reader.selectorRanAway()
        #expect(
            reader.warnings == [
                FieldWarning(code: .selectorExhausted, field: 0): 1,
                FieldWarning(code: .selectorExhausted): 1,
            ])
    }

    @Test func otherErrorsOfThePageArePassedOn() throws {
        var reader = FieldReader(try [FieldReading(Field(name: "a", selector: css("a")))])
        #expect(throws: ExtractionError.notText) {
            try reader.value(of: 0) { _ in throw ExtractionError.notText }
        }
    }
}
