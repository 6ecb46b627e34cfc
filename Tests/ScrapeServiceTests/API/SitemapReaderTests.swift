import Testing

@testable import ScrapeService

@Suite struct SitemapReaderTests {
    private func read(_ start: [String], pages: String) throws -> JobSpec {
        let text = #"{"start":[\#(start.joined(separator: ","))],"pages":\#(pages)}"#
        return try JobReader(urls: CurlURLs(), compiler: PlanCompiler()).read(Array(text.utf8))
    }

    private func sitemap(_ allow: Int) -> String {
        #"{"sitemap":"http://h/\#(allow).xml","allow":"a\#(allow)","as":"p"}"#
    }

    private let one = #"{"p":{"fields":{"t":"h1"}}}"#

    @Test func sitemapsOfTheSamePagesAreOfOneKind() throws {
        let pages = #"{"p":{"fields":{"t":"h1"}},"sitemap 2":{"fields":{"t":"h1"}}}"#
        let spec = try read([sitemap(1), sitemap(2), sitemap(1), sitemap(3)], pages: pages)
        #expect(spec.start.map(\.kind) == ["sitemap", "sitemap 3", "sitemap", "sitemap 4"])
        #expect(spec.pages.map(\.name) == ["p", "sitemap 2", "sitemap", "sitemap 3", "sitemap 4"])
    }

    @Test func theirKindsCountAsPageKinds() throws {
        let most = JobReader.maxPageKinds
        #expect(try read((1..<most).map(sitemap), pages: one).pages.count == most)
        #expect {
            try read((1...most).map(sitemap), pages: one)
        } throws: { error in
            (error as? Problem)?.errors.map(\.pointer) == ["/start/\(most - 1)"]
        }
    }

    /// Linear in their number: squared it would be minutes.
    @Test(.timeLimit(.minutes(1)))
    func aHundredThousandKindsAreRefused() {
        #expect(throws: Problem.self) { try read((0..<100_000).map(sitemap), pages: one) }
    }

    @Test func aJobCannotNameTheirKinds() {
        let pages =
            #"{"p":{"fields":{"t":"h1"},"follow":[{"links":"a","as":"sitemap"},{"links":"a","as":"p"}]}}"#
        #expect {
            try read([sitemap(1)], pages: pages)
        } throws: { error in
            (error as? Problem)?.errors.map(\.pointer) == ["/pages/p/follow/0/as"]
        }
    }
}
