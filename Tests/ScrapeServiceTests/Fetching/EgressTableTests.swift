import Foundation
import HTTPCore
import Testing

@testable import ScrapeService

/// The published table of spellings (`Fetching/Egress/README.md`), each row through the code that fetches.
@Suite struct EgressTableTests {
    struct Row: Sendable, CustomTestStringConvertible {
        var url: String
        var verdict: String
        var judgedAs: String
        var testDescription: String { url }
    }

    static let rows: [Row] = {
        let file = SourceTree.root.appending(path: "Sources/ScrapeService/Fetching/Egress/README.md")
        let text = (try? String(contentsOf: file, encoding: .utf8)) ?? ""
        return text.split(separator: "\n").compactMap { line in
            let cells = line.split(separator: "|", omittingEmptySubsequences: false).map {
                $0.trimmingCharacters(in: .whitespaces)
            }
            guard cells.count == 6, cells[1].hasPrefix("`"), !cells[4].isEmpty else { return nil }
            let code = CharacterSet(charactersIn: "`")
            return Row(
                url: cells[1].trimmingCharacters(in: code), verdict: cells[2],
                judgedAs: cells[3].trimmingCharacters(in: code))
        }
    }()

    @Test func theTableIsWhole() {
        #expect(Self.rows.count >= 100)
        #expect(Set(Self.rows.map(\.url)).count == Self.rows.count)
        #expect(Set(Self.rows.map(\.verdict)) == ["blocked", "passes", "no URL", "not found"])
    }

    @Test(arguments: rows)
    func aSpellingHasItsVerdict(row: Row) async throws {
        guard let url = CurlURLs().parse(row.url) else {
            #expect(row.verdict == "no URL")
            return
        }
        let host = try #require(URLHost(url))
        if let address = IPAddress(row.judgedAs) {
            #expect(IPAddress(host.name) == address)
        } else {
            #expect(host.name == row.judgedAs)
        }
        switch row.verdict {
        case "passes":
            let loop = try EventLoop(name: "egress-table")
            defer { loop.stop() }
            let resolver = HostResolver(loop: loop, egress: EgressPolicy(), settings: NameSettings())
            guard case .allowed = resolver.verdict(on: host, at: .now) else {
                Issue.record("refused")
                return
            }
        case "blocked", "not found":
            try await withFetcher(allow: []) { fetcher, _ in
                let failure = try await fetcher.failure(makeFetch(url.text))
                #expect(failure.code == (row.verdict == "blocked" ? .urlBlocked : .dnsFailed))
                #expect(!failure.detail.contains(row.judgedAs))
            }
        default:
            Issue.record("it is a URL: \(url.text)")
        }
    }
}
