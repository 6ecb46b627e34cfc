import Synchronization
import Testing

@testable import ScrapeService

@Suite struct PreviewProbeTests {
    /// The service's own, and how often its plans were at work.
    private final class CountingCompiler: PageCompiler {
        private struct Plan: PagePlan {
            let plan: any PagePlan
            let compiler: CountingCompiler

            func extract(_ document: PageDocument) throws -> Extraction {
                compiler.extractions.withLock { $0 += 1 }
                return try plan.extract(document)
            }
        }

        let extractions = Mutex(0)
        private let compiler = PlanCompiler()

        func check(_ selector: Selector) throws { try compiler.check(selector) }

        func compile(_ kind: PageKind) throws -> any PagePlan {
            Plan(plan: try compiler.compile(kind), compiler: self)
        }
    }

    private func matches(
        _ selectors: [Selector], in page: PageDocument
    ) throws -> (follow: [[Int]], extractions: Int) {
        let compiler = CountingCompiler()
        let probe = try PreviewProbe(makeKind(follow: selectors), compiler)
        let found = try probe.count(page, keeping: []).selectors
        return (found.map { [$0.matched, $0.values] }, compiler.extractions.withLock(\.self))
    }

    @Test func matchesThatAreNoLinksAreCountedInOneExtraction() throws {
        let page = makePage("<p><a href=/1>1</a><b>2</b><b></b><i>3</i>")
        let rules = [css("b"), css("a"), css("i"), css("u"), css("i")]
        let (follow, extractions) = try matches(rules, in: page)
        #expect(follow == [[2, 0], [1, 1], [1, 0], [0, 0], [1, 0]])
        #expect(extractions == 2)
    }

    @Test func whereEveryRuleHasLinksThePageIsExtractedOnce() throws {
        let (follow, extractions) = try matches([css("a")], in: makePage("<a href=/1>1</a><a>2</a>"))
        #expect(follow == [[1, 1]] && extractions == 1)
    }

    @Test func valuesOfJSONThatAreNoLinksAreCounted() throws {
        let page = PageDocument(
            body: Array(#"{"next": null, "more": [true, {}, ""], "to": "/1"}"#.utf8),
            contentType: "application/json")
        let rules = ["$.next", "$.more[*]", "$.to", "$.nothing"].map { Selector(language: .json, source: $0) }
        #expect(try matches(rules, in: page).follow == [[1, 0], [3, 0], [1, 1], [0, 0]])
    }
}
