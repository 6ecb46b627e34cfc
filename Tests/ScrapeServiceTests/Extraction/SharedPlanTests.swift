import Foundation
import Testing

@testable import ScrapeService

@Suite("A plan shared between threads")
struct SharedPlanTests {
    private static let kind = makeKind(
        follow: [css("a.link"), xpath("//img/@src | //a/@href")], each: css("li:nth-child(odd):has(a)"),
        fields: [
            Field(name: "t", selector: xpath(".")),
            Field(name: "n", selector: xpath("count(./preceding-sibling::li)".nested)),
            Field(name: "h", selector: css("a::html")),
        ])

    private static func makeListing(_ seed: Int) -> PageDocument {
        let rows = (0..<20).map { "<li><a class=link href='/\(seed)/\($0)'>advert \($0 * seed)</a></li>" }
        return makePage("<ul>" + rows.joined() + "</ul>")
    }

    @Test("four threads at once get what one thread gets")
    func threads() async throws {
        let plan = try HTMLPageCompiler().compile(Self.kind)
        let expected = try (0..<8).map { try plan.extract(Self.makeListing($0)) }
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<4 {
                group.addTask {
                    try onThread(stackBytes: 1 << 20) {
                        for round in 0..<200 {
                            let found = try plan.extract(Self.makeListing(round % 8))
                            #expect(found.items == expected[round % 8].items)
                            #expect(found.links == expected[round % 8].links)
                        }
                    }
                }
            }
            try await group.waitForAll()
        }
    }

    @Test("ten thousand pages leave no memory behind")
    func leaks() throws {
        let plan = try HTMLPageCompiler().compile(Self.kind)
        let pages = (0..<8).map(Self.makeListing)
        func run(_ count: Int) throws {
            for seed in 0..<count {
                _ = try plan.extract(pages[seed % 8])
                _ = try plan.extract(makePage("<r><a>\(seed)</a>", contentType: "text/xml"))
                _ = try? HTMLPageCompiler().compile(makeKind(each: xpath("//a[")))
            }
        }
        try run(500)
        var growth: [Int] = []
        for _ in 0..<4 {
            let before = try residentBytes()
            try run(2500)
            growth.append(try residentBytes() - before)
        }
        // Other tests run meanwhile, but a leak shows in every round; of one tree a page it would be 40 MB
        // each time.
        #expect(try #require(growth.min()) < 4 * 1024 * 1024, "\(growth)")
    }

    private func residentBytes() throws -> Int {
        let status = try String(contentsOfFile: "/proc/self/statm", encoding: .utf8).split(separator: " ")
        return try #require(Int(status[1])) * Int(getpagesize())
    }
}

extension String {
    fileprivate var nested: String { "(\(self))" }
}
