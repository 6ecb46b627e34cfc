import Foundation
import Testing

@testable import ScrapeService

@Suite struct StoredRequestTests {
    private static let requests = [
        PageRequest(method: "GET"),
        PageRequest(method: "DELETE", headers: [HeaderField(name: "X-A", value: "1/2")]),
        PageRequest(
            method: "POST",
            headers: [HeaderField(name: "B", value: "é \"x\""), HeaderField(name: "A", value: "")],
            body: "{\"q\": \"a\\b\", \"n\": [1]}\n\t\u{1}\u{0}\u{2028}😀"),
        PageRequest(method: "PUT", body: ""),
    ]

    @Test(arguments: Self.requests) func aRequestIsStoredAndReadBack(_ request: PageRequest) throws {
        #expect(try PageRequest(stored: request.stored) == request)
    }

    @Test func theTextHasOneOrder() {
        #expect(Self.requests[0].stored == #"{"headers":[],"method":"GET"}"#)
        #expect(
            PageRequest(method: "POST", headers: [HeaderField(name: "A", value: "b/c")], body: "d").stored
                == #"{"body":"d","headers":[{"name":"A","value":"b/c"}],"method":"POST"}"#)
    }

    @Test func pagesAreToldApartByTheirRequests() {
        var found = FoundPages()
        let url = WebURL(canonical: "http://a.test/")
        for request in [nil] + Self.requests + Self.requests {
            found.append(DiscoveredPage(kind: "k", url: url, request: request), depth: 1, from: 1)
        }
        #expect(found.requests == [nil] + Self.requests.map(\.stored))
        #expect(Set(found.hashes).count == 5)
    }

    @Test func rememberedLinksAreReadBack() throws {
        let url = WebURL(canonical: "http://a.test/\"é")
        let links = ([nil] + Self.requests.filter { $0.body?.utf8.contains(0) != true }).map {
            DiscoveredPage(kind: "k", url: url, request: $0)
        }
        var spec = JobSpec(start: [], pages: [PageKind(name: "k")])
        spec.fetch.conditional = true
        let page = QueuedPage(id: 7, kind: "k", url: url, depth: 0, attempt: 0)
        let settlement = PageSettlement(
            page: page,
            result: .fetched(
                PageYield(validators: PageValidators(etag: "\"e\"", lastModified: nil), links: links)))
        let rows = try JSONParser.parse(Array(#require(RememberedPage.stored([settlement], spec)).utf8))
        guard case .array(let list) = rows, let row = list.first else {
            Issue.record("no row in \(rows)")
            return
        }
        #expect(row["page"] == .number("7") && row["etag"] == .string("\"e\""))
        #expect(row["last_modified"] == nil)
        let stored = String(decoding: try #require(row["links"]).bytes, as: UTF8.self)
        #expect(try RememberedPage.links(stored: stored) == links)
    }
}
