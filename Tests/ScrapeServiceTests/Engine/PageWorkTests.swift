import Synchronization
import Testing

@testable import ScrapeService

@Suite struct PageWorkTests {
    /// As the service reads URLs, and how often it was asked for one alone.
    private final class CountingURLs: URLParsing {
        private let urls = CurlURLs()
        let parsed = Mutex(0)

        func parse(_ text: String) -> WebURL? {
            parsed.withLock { $0 += 1 }
            return urls.parse(text)
        }

        func resolve(_ references: [String], against base: String) -> [WebURL?] {
            urls.resolve(references, against: base)
        }
    }

    private static let address = "http://site.test/"

    private func rule(_ selector: String, kind: String = "page", sameHost: Bool = false) -> FollowRule {
        FollowRule(links: css(selector), kind: kind, sameHost: sameHost)
    }

    private func links(
        _ rules: [FollowRule], in page: String, at address: String = Self.address,
        _ urls: any URLParsing = CurlURLs()
    ) throws -> [DiscoveredPage] {
        let kind = PageKind(name: "page", follow: rules)
        let work = try PageWork(kind: kind, plan: try HTMLPageCompiler().compile(kind), urls: urls)
        let response = FetchResponse(
            status: 200, finalURL: address, contentType: "text/html", body: Array(page.utf8), seconds: 0)
        guard case .fetched(let yield) = try work.read(response) else { return [] }
        return yield.links
    }

    /// As many as would come to more than 64 MiB after a path of 8,000 bytes.
    private static let shortLinks = String(repeating: "<a href=1>", count: 9_000)
    private static let longPath = String(repeating: "x", count: 8_000) + "/"

    @Test func linksOfALongBaseAreBoundedTogether() {
        let page = "<base href='http://h/\(Self.longPath)'>" + Self.shortLinks
        #expect(throws: tooLarge) { try links([rule("a")], in: page) }
    }

    @Test func linksOfAPageWithALongURLAreBoundedTogether() {
        let address = Self.address + Self.longPath
        #expect(throws: tooLarge) { try links([rule("a")], in: Self.shortLinks, at: address) }
    }

    @Test func linksOfAllRulesAreBoundedTogether() throws {
        let page =
            "<base href='http://h/\(Self.longPath)'>" + String(repeating: "<a href=1>", count: 3_000)
        let rules = (0..<3).map { rule("a", kind: "k\($0)") }
        #expect(try links(Array(rules[..<2]), in: page).count == 2)
        #expect(throws: tooLarge) { try links(rules, in: page) }
    }

    @Test func whatFillsAURLIsBoundedEvenWhereItIsNone() throws {
        var filling = rule("a")
        filling.url = template("http://site.test/?", times: 1_000)
        let page = String(repeating: "<a href=\(String(repeating: "y", count: 7_999))>", count: 10)
        #expect(throws: tooLarge) { try links([filling], in: page) }
    }

    @Test func whatFillsARequestIsBoundedBeforeItIsMade() throws {
        var filling = rule("a")
        filling.request = RequestTemplate(method: "POST", body: template("", times: 100_000))
        let page = "<a href=\(String(repeating: "y", count: 7_999))>"
        #expect(throws: tooLarge) { try links([filling], in: page) }
    }

    private let tooLarge = ExtractionError.tooLarge(
        "the URLs and requests it names have more than 64 MiB together")

    private func template(_ start: String, times: Int) -> TextTemplate {
        var template = TextTemplate()
        template.append(start)
        for _ in 0..<times { template.append(.init(name: FollowRule.placeholder, encoding: .plain)) }
        return template
    }

    @Test func fiftyThousandLinksAreFollowedInTheirOrder() throws {
        let base = "http://site.test/" + String(repeating: "p", count: 1_000) + "/"
        let page = "<base href='\(base)'>" + (0..<50_000).map { "<a href=\($0)>" }.joined()
        let found = try links([rule("a")], in: page)
        #expect(found.map(\.url.text) == (0..<50_000).map { "\(base)\($0)" })
    }

    // MARK: Which of them

    @Test func aLinkIsFollowedOnceWhateverRulesFindIt() throws {
        let page = "<a href=/1><a href=/2><a href=/1><b><a href=/3><a href=/2>"
        var last = rule("a")
        last.allow = "[123]"
        let found = try links([rule("b a"), rule("a"), last, rule("b a", kind: "other")], in: page)
        #expect(
            found.map { "\($0.kind) \($0.url.target)" } == [
                "page /3", "page /2", "page /1", "other /3", "other /2",
            ])
    }

    @Test func thePagesOwnURLIsReadOnlyForRulesThatAskForItsHost() throws {
        let page = "<a href=/1><a href=//other.test/>"
        let urls = CountingURLs()
        #expect(try links([rule("a")], in: page, urls).count == 2)
        #expect(urls.parsed.withLock(\.self) == 0)
        #expect(try links([rule("a", sameHost: true)], in: page, urls).count == 1)
        #expect(urls.parsed.withLock(\.self) == 1)
    }
}
