import Testing

@testable import ScrapeService

@Suite struct SitemapPlanTests {
    private func read(_ text: String, type: String? = nil) throws -> [[String]] {
        try SitemapPlan().extract(PageDocument(body: Array(text.utf8), contentType: type)).links
    }

    @Test func aURLSetNamesPages() throws {
        let links = try read(
            """
            <?xml version="1.0" encoding="UTF-8"?>
            <urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">
              <url><loc>http://h/a?b=1&amp;c=&#50;</loc><priority>1</priority></url>
              <url><lastmod>x</lastmod><loc><![CDATA[http://h/b&c]]></loc></url><url><loc> </loc></url><url/>
            </urlset>
            """)
        #expect(links == [["http://h/a?b=1&c=2", "http://h/b&c"], []])
    }

    @Test func anIndexNamesSitemaps() throws {
        let links = try read(
            "<sitemapindex><sitemap><loc>http://h/1.xml</loc></sitemap><loc>no</loc><url><loc>no</loc></url></sitemapindex>"
        )
        #expect(links == [[], ["http://h/1.xml"]])
    }

    @Test(arguments: [
        ("<urlset><url><loc>http://h/a</loc></url><url><loc>http://h/b", ["http://h/a"]),
        ("<urlset><url><loc>http://h/a</url><url><loc>http://h/b</loc></url></urlset>", ["http://h/a"]),
        (
            "<urlset><url><loc>http://h/a?b=1&c=2</loc></url><url><loc>http://h/d?x=1&amp;y=2</loc></url></urlset>",
            ["http://h/a?b=1&c=2", "http://h/d?x=1&y=2"]
        ),
        ("<urlset><url><loc>http://h/&nbsp;a</loc></url></urlset>", ["http://h/\u{A0}a"]),
        (
            "<urlset><url><loc>http://h/a\u{0}</loc></url>\u{1}<url><loc>http://h/b</loc></url></urlset>",
            ["http://h/a", "http://h/b"]
        ),
    ])
    func brokenMarkupIsReadAsFarAsItMakesSense(text: String, pages: [String]) throws {
        #expect(try read(text)[0].filter { pages.contains($0) } == pages)
    }

    @Test func entitiesOfADocumentTypeAreNotTakenOver() throws {
        let bomb = """
            <!DOCTYPE urlset [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">
            <!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;"><!ENTITY d SYSTEM "file:///etc/passwd">]>
            <urlset><url><loc>http://h/&c;&d;</loc></url></urlset>
            """
        #expect(try read(bomb)[0].allSatisfy { $0.utf8.count < 100 && !$0.contains("root") })
    }

    @Test func encodingsAreThoseOfAnyPage() throws {
        let text = #"<?xml version="1.0" encoding="ISO-8859-1"?><urlset><url><loc>http://h/"#
        let body = Array(text.utf8) + [0xE9] + Array("</loc></url></urlset>".utf8)
        let links = try SitemapPlan().extract(PageDocument(body: body, contentType: "text/xml")).links
        #expect(links[0] == ["http://h/é"])
    }

    @Test func aListHasAURLALine() throws {
        #expect(
            try read("\n http://h/a \r\nhttps://h/b\rHTTP://h/c\n\n") == [
                ["http://h/a", "https://h/b", "HTTP://h/c"], [],
            ])
    }

    @Test func aRobotsFileNamesItsSitemaps() throws {
        #expect(
            try read("# x\nUser-agent: *\nDisallow:\nsitemap: http://h/s.xml # here\n") == [
                [], ["http://h/s.xml"],
            ])
    }

    @Test(arguments: [
        "", " \n", "<html><body><loc>http://h/</loc></body></html>", "<!-- nothing -->", "<", "hello",
        "\u{0}\u{1}",
        "<rss2><channel/></rss2>",
    ])
    func whatIsNoSitemapIsAnError(text: String) {
        #expect(throws: ExtractionError.self) { try read(text) }
    }

    @Test func theLimitsOfTheProtocolHold() throws {
        let urls = (0...SitemapPlan.maxURLs).map { "http://h/\($0)" }
        #expect(try read(urls.dropLast().joined(separator: "\n"))[0].count == SitemapPlan.maxURLs)
        let locs = urls.map { "<url><loc>\($0)</loc></url>" }
        #expect(try read("<urlset>" + locs.dropLast().joined() + "</urlset>")[0].count == SitemapPlan.maxURLs)
        for text in [urls.joined(separator: "\n"), "<urlset>" + locs.joined() + "</urlset>"] {
            #expect { try read(text) } throws: { error in
                if case ExtractionError.tooLarge? = error as? ExtractionError { true } else { false }
            }
        }
    }

    @Test func whatIsNoGzipDoesNotUnpack() {
        for body: [UInt8] in [
            [0x1f, 0x8b], [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3], [0x1f, 0x8b, 1, 2, 3, 4, 5, 6, 7, 8, 9],
        ] {
            #expect(throws: Gunzip.Failure.corrupt) { try Gunzip.decode(body, maxBytes: 100) }
        }
    }

    /// `printf a | gzip -n`, once and twice.
    @Test func gzipIsUnpackedUpToItsLimit() throws {
        let file: [UInt8] = [
            0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3, 0x4b, 4, 0, 0x43, 0xbe, 0xb7, 0xe8, 1, 0, 0, 0,
        ]
        #expect(try Gunzip.decode(file, maxBytes: 1) == Array("a".utf8))
        #expect(try Gunzip.decode(file + file + [0, 0, 0], maxBytes: 2) == Array("aa".utf8))
        #expect(throws: Gunzip.Failure.tooLarge) { try Gunzip.decode(file + file, maxBytes: 1) }
    }
}
