import Foundation
import Testing

@testable import ScrapeService

@Suite struct ResultRoutesTests {
    private static let json = ["Content-Type": "application/json"]

    /// A finished job of the site: 10 listings, 30 adverts, one of them gone.
    private func withFinishedJob(
        over transport: Transport, _ body: (TestService, String) async throws -> Void
    ) async throws {
        try await withSite { site in
            try await withService { service in
                let job = try await service.send(
                    "POST", "/v1/jobs", headers: Self.json, body: siteJob(site.port), over: transport)
                let place = try #require(job.headers["location"])
                let over = try await service.send("GET", place + "?wait=60", over: transport)
                #expect(over.json["status"]?.string == "completed")
                #expect(over.json["outcome"]?.string == "partial")
                #expect(over.json["stop_reason"]?.string == "finished")
                #expect(over.json["progress"]?["fetched"]?.int == 40)
                #expect(over.json["progress"]?["failed"]?.int == 1)
                #expect(over.json["progress"]?["items"]?.int == 30)
                #expect(
                    over.json["failures"]
                        == .array([
                            .object([.init("code", .string("http_404")), .init("count", .number("1"))])
                        ]))
                try await body(service, place)
            }
        }
    }

    private func items(_ answer: Answer) -> [JSONValue] {
        guard case .array(let items)? = answer.json["items"] else { return [] }
        return items
    }

    @Test(arguments: Transport.allCases)
    func pagesOfResultsHoldEachItemOnce(_ transport: Transport) async throws {
        try await withFinishedJob(over: transport) { service, place in
            var texts: [String] = []
            var target: String? = place + "/results?limit=7"
            while let next = target {
                let page = try await service.send("GET", next, over: transport)
                texts += items(page).compactMap { $0["data"]?["text"]?.string }
                #expect(items(page).allSatisfy { $0["data"]?["nothing"] == .null })
                #expect(page.json["resume"] == nil)
                target = page.json["next"]?.string
            }
            let expected = (1...10).flatMap { page in
                (1...3).map { "Motor \(page).\($0), “mooi”, met 2 wielen" }
            }
            #expect(texts.sorted() == expected.sorted())
        }
    }

    @Test(arguments: Transport.allCases)
    func everyFormatCarriesTheSameRows(_ transport: Transport) async throws {
        try await withFinishedJob(over: transport) { service, place in
            let all = try await service.send("GET", place + "/results?limit=1000", over: transport)
            let lines = try await service.send("GET", place + "/results?format=ndjson", over: transport)
            #expect(lines.headers["content-type"] == "application/x-ndjson")
            let parsed = lines.text.split(separator: "\n").map {
                (try? JSONParser.parse(Array($0.utf8))) ?? .null
            }
            #expect(parsed == items(all))
            let csv = try await service.send(
                "GET", place + "/results", headers: ["Accept": "text/csv"], over: transport)
            let rows = csv.text.components(separatedBy: "\r\n")
            #expect(rows.first == "seq,url,page,scraped_at,text,nothing")
            #expect(rows.count == 32)
            #expect(rows[1].hasSuffix(",\"\(items(all)[0]["data"]?["text"]?.string ?? "")\","))
            let some = try await service.send(
                "GET", place + "/results?fields=nothing&limit=1", over: transport)
            #expect(items(some)[0]["data"] == .object([.init("nothing", .null)]))
        }
    }

    @Test(arguments: Transport.allCases)
    func theLedgerSaysOfEachURLHowItEnded(_ transport: Transport) async throws {
        try await withFinishedJob(over: transport) { service, place in
            let failed = items(try await service.send("GET", place + "/pages?status=failed", over: transport))
            #expect(failed.count == 1)
            #expect(failed[0]["url"]?.string?.hasSuffix("/gone.html") == true)
            #expect(failed[0]["error"]?.string == "http_404")
            #expect(failed[0]["http_status"]?.int == 404)
            #expect(failed[0]["attempts"]?.int == 1)
            let all = items(try await service.send("GET", place + "/pages?limit=1000", over: transport))
            #expect(all.count == 41)
            #expect(Set(all.compactMap { $0["url"]?.string }).count == 41)
        }
    }

    @Test(arguments: Transport.allCases)
    func wordsAreCountedWithoutStopWords(_ transport: Transport) async throws {
        try await withFinishedJob(over: transport) { service, place in
            let target = place + "/word-counts?field=text&language=nl&stop_words=wielen&limit=2"
            let counts = try await service.send("GET", target, over: transport)
            #expect(counts.json["total_words"]?.int == 30 * 4)
            #expect(counts.json["language"]?.string == "nl")
            let words = items(counts).map { "\($0["word"]?.string ?? "") \($0["count"]?.int ?? 0)" }
            #expect(words == ["2 30", "mooi 30"])
            let csv = try await service.send(
                "GET", place + "/word-counts?format=csv&limit=3&min_count=30", over: transport)
            #expect(csv.text == "word,count\r\n2,30\r\nmet,30\r\nmooi,30\r\n")
            let svg = try await service.send("GET", place + "/word-counts?format=svg", over: transport)
            #expect(svg.headers["content-type"] == "image/svg+xml")
            #expect(svg.text.contains("mooi"))
            for bad in [
                "language=xx", "field=none", "limit=10001", "tokenizer=x", "min_count=0", "format=png",
            ] {
                #expect(
                    try await service.send("GET", place + "/word-counts?\(bad)", over: transport).status
                        == 422, "\(bad)")
            }
        }
    }
}
