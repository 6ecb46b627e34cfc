import Testing

@testable import ScrapeService

@Suite("Selectors that cost too much are given up, each by itself")
struct SelectorBudgetTests {
    private static func page(_ unit: String, times: Int) throws -> PageText {
        try PageText(makePage(String(repeating: unit, count: times)))
    }

    /// What became of each selector, asked one after another on one page.
    private static func outcomes(_ selectors: [Selector], on page: PageText) throws -> [Bool] {
        let queries = try PageQueries(selectors.map { try HTMLPageCompiler.query($0) })
        return try queries.withPage(page, isXML: false) { page in
            try selectors.indices.map { index in
                do {
                    try page.find(index, in: nil) { _, _ in true }
                    return true
                } catch ExtractionError.exhausted {
                    return false
                }
            }
        }
    }

    @Test(
        "the square of a page is more than a selector gets",
        arguments: [
            css("i ~ b"), css("b:has(~ i)"), css("i ~ b ~ b ~ b"), css(":not(:has(~ i)) + b"),
            xpath("//b[count(preceding-sibling::b) = 5]"), xpath("//b[//b[. = 'x']]"),
            xpath("//*[count(//*[count(//*)])]"), xpath("//*/following::b[last()]"),
            xpath("//b[. > //i or following::i]"), xpath("//b/preceding::b[position() > 2]"),
        ])
    func quadratic(selector: Selector) throws {
        let page = try Self.page("<b></b>", times: 40_000)
        let selectors = [selector, css("b:last-child"), xpath("//b[last()]")]
        #expect(try Self.outcomes(selectors, on: page) == [false, true, true])
    }

    @Test(
        "what could be the square is linear where it can be",
        arguments: [
            xpath("//div//b"), xpath("//b/.."), xpath("//b | //div | //b"), xpath("//b/following::b"),
            xpath("//b/preceding::b"), xpath("//b/ancestor::div"), xpath("//b/following-sibling::b"),
            xpath("//b/preceding-sibling::b"), xpath("(//b = //div)"), xpath("(//b != //b)"),
            xpath("(//b < //b)"), xpath("//b[1]"), xpath("//b/following::b[1]"),
            xpath("(//b | //b[1])[last()]"),
            css("b:nth-last-child(2n+1)"), css("div b"), css("b + b + b"),
        ])
    func linear(selector: Selector) throws {
        let page = try Self.page("<div><b>1</b><b>2</b></div>", times: 20_000)
        #expect(try Self.outcomes([selector], on: page) == [true])
    }

    @Test("long texts are searched and copied in linear time")
    func longTexts() throws {
        let text = String(repeating: "a", count: 400_000)
        let page = try PageText(makePage("<p title='\(text)'>\(text)</p>"))
        let selectors = [
            xpath("(contains(//p, concat(substring(//p, 1, 200000), 'b')))"),
            xpath("(substring-before(//p, concat(substring(//p, 1, 100000), 'b')))"),
            xpath("(translate(//p, //p, //p))"), xpath("(normalize-space(//p))"),
            css("p[title*='\(String(repeating: "a", count: 3000))b']"),
            css("p[title*='\(String(repeating: "A", count: 3000))b' i]"),
        ]
        let start = ContinuousClock.now
        #expect(try Self.outcomes(selectors, on: page) == selectors.map { _ in true })
        #expect(ContinuousClock.now - start < .seconds(60))
    }

    @Test("selectors of a page have a bound together as well")
    func together() throws {
        var budget = SelectorBudget(selectors: 4)
        var given: [Int] = []
        for index in 0..<4 {
            do {
                _ = try budget.enter(index)
                for _ in 0..<(SelectorBudget.maxStepsPerSelector / 1000 - 1) { try budget.spend(1000) }
                given.append(index)
            } catch ExtractionError.exhausted {
                continue
            }
        }
        #expect(given == [0, 1])
    }

    @Test("literals and computed strings are charged as the texts of a page are")
    func computedStrings() throws {
        let literal = String(repeating: "x", count: 2800)
        let nested = (0..<60).reduce("'\(literal)'") { inner, _ in "translate(\(inner),'a','b')" }
        let page = try Self.page("<b></b>", times: 3000)
        #expect(try Self.outcomes([xpath("//b[\(nested)='y']")], on: page) == [false])
    }

    @Test("each condition of a selector is charged, as it may look at all attributes")
    func conditions() throws {
        let program = SelectorProgram(try SelectorParser.parse(String(repeating: "#a", count: 2000)))
        let tree = try PageTree(PageText(makePage("<html id=a>")), isXML: false)
        let budget = UnsafeMutablePointer<SelectorBudget>.allocate(capacity: 1)
        defer { budget.deallocate() }
        budget.initialize(to: SelectorBudget(selectors: 1))
        defer { budget.deinitialize(count: 1) }
        for _ in 1..<(SelectorBudget.maxStepsPerSelector / 10_000) { try budget.pointee.spend(10_000) }
        var matcher = SelectorMatcher(page: tree, budget: budget)
        var isGivenUp = false
        do {
            for _ in 0..<20 {
                guard let root = tree.root else { break }
                let isMatch = try matcher.matches(root, program.alternatives[0].selector, within: nil)
                #expect(isMatch)
            }
        } catch ExtractionError.exhausted {
            isGivenUp = true
        }
        #expect(isGivenUp)
    }

    @Test("items read before the selectors of a page were given up together stay")
    func itemsStay() throws {
        let many = String(repeating: "<b></b>", count: 40_000)
        let page = makePage("<ul><li><i>1</i></li><li><i>2</i>\(many)</li></ul>")
        let fields =
            [Field(name: "i", selector: css("i"))]
            + (5..<8).map {
                Field(name: "b\($0)", selector: xpath("./b[count(preceding-sibling::b) = \($0)]"))
            }
        let result = try extract(makeKind(each: css("li"), fields: fields), from: page)
        #expect(result.items == [[.text("1"), nil, nil, nil], [.text("2"), .null, .null, .null]])
        #expect(result.warnings[FieldWarning(code: .selectorExhausted)] == 1)
    }

    @Test("a string that grows past its bound is given up")
    func concatenated() throws {
        let page = try PageText(makePage("<p>\(String(repeating: "a", count: 9_000_000))</p>"))
        #expect(try Self.outcomes([xpath("(concat(., ., ., ., ., ., ., ., .))")], on: page) == [false])
    }
}
