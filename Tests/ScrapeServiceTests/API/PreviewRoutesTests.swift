import Foundation
import HTTPCore
import Testing

@testable import ScrapeService

@Suite struct PreviewRoutesTests {
    @Test(arguments: Transport.allCases)
    func aPreviewShowsOnePageOfEachKindAndMakesNoJob(_ transport: Transport) async throws {
        try await withSite { nginx in
            try await withService { service in
                let answer = try await settled(service, transport, siteJob(nginx.port))
                #expect(answer.status == 200)
                #expect(answer.headers["cache-control"] == "no-store")
                guard case .array(let pages)? = answer.json["pages"] else {
                    Issue.record("no pages: \(answer.text)")
                    return
                }
                #expect(pages.map { $0["page"]?.string } == ["listing", "advert"])
                #expect(pages.map { $0["status"]?.string } == ["fetched", "fetched"])
                let advert = try #require(pages.last)
                #expect(
                    advert["items"]
                        == .array([
                            .object([
                                .init("text", .string("Motor 1.1, “mooi”, met 2 wielen")),
                                .init("nothing", .null),
                            ])
                        ]))
                guard case .array(let selectors)? = advert["selectors"] else {
                    Issue.record("no selectors: \(answer.text)")
                    return
                }
                #expect(
                    selectors.map { $0["pointer"]?.string } == [
                        "/pages/advert/each", "/pages/advert/fields/text", "/pages/advert/fields/nothing",
                    ])
                #expect(selectors.map { $0["matched"]?.int } == [1, 1, 0])
                let list = try await service.send("GET", "/v1/jobs", over: transport)
                #expect(list.json["items"] == .array([]))
            }
        }
    }

    /// It was fetched, if it named nothing.
    @Test func anEmptySitemapIsNotUnreached() async throws {
        try await withSite { nginx in
            try nginx.write("sitemap.xml", Array("<sitemapindex></sitemapindex>".utf8))
            let job =
                #"{"start":{"sitemap":"\#(nginx.base)/sitemap.xml"},"pages":{"p":{"fields":{"t":"p"}}}}"#
            try await withService { service in
                let answer = try await settled(service, .memory, job)
                #expect(answer.json["unreached"] == .array([.string("p")]), "\(answer.text)")
            }
        }
    }

    @Test func aBadJobIsToldEachMistakeAsAJobIs() async throws {
        try await withService(working: false) { service in
            let body = ##"{"start":"x:","pages":{"a":{"fields":{"f":"h1["}}}}"##
            let preview = try await service.send("POST", "/v1/jobs/preview", body: body, over: .memory)
            let job = try await service.send("POST", "/v1/jobs", body: body, over: .memory)
            #expect(preview.status == 422)
            #expect(preview.json["errors"] == job.json["errors"])
        }
    }

    @Test func withoutTheStoreNobodyKnowsWhoMayFetch() async throws {
        try await withService(working: false) { service in
            let body = ##"{"start":"http://127.0.0.1:1/","pages":{"a":{"fields":{"f":"p"}}}}"##
            let answer = try await service.send("POST", "/v1/jobs/preview", body: body, over: .memory)
            #expect(answer.status == 503)
            #expect(answer.headers["retry-after"] == "5")
        }
    }

    /// The engine's first heartbeat may not be back yet.
    private func settled(_ service: TestService, _ transport: Transport, _ job: String) async throws -> Answer
    {
        while true {
            let answer = try await service.send(
                "POST", "/v1/jobs/preview", headers: ["Content-Type": "application/json"], body: job,
                over: transport)
            if answer.status != 503 { return answer }
            try await Task.sleep(for: .milliseconds(20))
        }
    }
}

@Suite struct PreviewViewTests {
    private func page(
        _ number: Int, items: [ItemData] = [], links: [DiscoveredPage] = [], selectors: [PreviewSelector] = []
    ) -> PreviewPage {
        let url = WebURL(canonical: "http://a/" + String(repeating: "x", count: 100_000))
        let queued = QueuedPage(id: Int64(number), kind: "kind/\(number)", url: url, depth: 0, attempt: 0)
        var page = PreviewPage(
            settlement: PageSettlement(page: queued, result: .fetched(PageYield(items: items, links: links))))
        page.finalURL = url.text
        page.contentType = String(repeating: "\u{1}", count: 100_000)
        page.selectors = selectors
        return page
    }

    @Test func anAnswerHasAtMostAMebibyteWhateverThePagesAre() throws {
        let long = String(repeating: "é\u{1}\"", count: 1_000_000)
        let item = ItemData(
            json: String(
                decoding: JSONValue.object([.init("t", .string(long)), .init("u", .string(long))]).bytes,
                as: UTF8.self))
        let name = String(repeating: "\"", count: 200)
        let report = PreviewReport(
            pages: (1...JobPreview.Limits().maxPages).map { number in
                page(
                    number, items: Array(repeating: item, count: 20),
                    links: (0..<100).map {
                        DiscoveredPage(kind: "\(name)\($0)", url: WebURL(canonical: "http://a/" + long))
                    },
                    selectors: (0..<500).map {
                        PreviewSelector(place: .field("\(name)\($0)"), matched: 1, values: 1)
                    })
            })
        let bytes = PreviewView(report: report).bytes
        #expect(bytes.count <= PreviewView.maxBytes)
        guard case .array(let pages)? = try JSONParser.parse(bytes)["pages"] else {
            Issue.record("no pages")
            return
        }
        #expect(pages.count == JobPreview.Limits().maxPages)
        #expect(pages.allSatisfy { $0["cut"] == .bool(true) })
    }

    @Test func whatFitsIsShownWhole() throws {
        let items = (1...7).map {
            ItemData(json: #"{"n":\#($0),"t":"\#(String(repeating: "x", count: 5000))"}"#)
        }
        let selector = PreviewSelector(place: .follow(2), matched: 3, values: 0)
        let view = PreviewView(report: PreviewReport(pages: [page(1, items: items, selectors: [selector])]))
        let entry = try JSONParser.parse(view.bytes)["pages"]
        guard case .array(let pages)? = entry, case .array(let shown)? = pages[0]["items"] else {
            Issue.record("no items")
            return
        }
        #expect(shown.map { $0["n"]?.int } == [1, 2, 3, 4, 5])
        #expect(shown[0]["t"]?.string?.count == 5000)
        #expect(pages[0]["items_found"]?.int == 7)
        #expect(pages[0]["cut"] == .bool(false))
        #expect(
            pages[0]["selectors"]
                == .array([
                    .object([
                        .init("pointer", .string("/pages/kind~11/follow/2/links")),
                        .init("matched", .number("3")), .init("values", .number("0")),
                    ])
                ]))
    }
}
