import Testing

@testable import ScrapeService

@Suite struct LinkPatternTests {
    private func read(_ rules: [FollowRule], _ body: String) throws -> PageYield? {
        let kind = PageKind(name: "p", follow: rules)
        let work = try PageWork(kind: kind, plan: try PlanCompiler().compile(kind), urls: CurlURLs())
        let response = FetchResponse(
            status: 200, finalURL: "http://site.test/", contentType: "text/html", body: Array(body.utf8),
            seconds: 1)
        guard case .fetched(let yield) = try work.read(response) else { return nil }
        return yield
    }

    private func rule(allow: String?) -> FollowRule {
        FollowRule(links: Selector(language: .css, source: "a"), kind: "p", allow: allow)
    }

    /// A thousand links, on each of which the pattern stays just within the bound of one search.
    @Test func patternsThatAlmostRunAwayAreGivenUpTogether() throws {
        let path = String(repeating: "a", count: 16)
        let links = (0..<1000).map { "<a href='/\(path)!\($0)'></a>" }.joined()
        let yield = try read([rule(allow: "(a+)+$|/a+!7$"), rule(allow: "!8$"), rule(allow: nil)], links)
        let urls = try #require(yield).links.map(\.url.text)
        #expect(urls.count == 1000)
        #expect(urls.first == "http://site.test/\(path)!7", "allowed before all steps were gone")
        #expect(urls.dropFirst().first == "http://site.test/\(path)!0", "nothing is searched after that")
        let given = yield?.fields?.warnings[FieldWarning(code: .patternExhausted)] ?? 0
        #expect((800..<2000).contains(given), "\(given)")
    }
}
