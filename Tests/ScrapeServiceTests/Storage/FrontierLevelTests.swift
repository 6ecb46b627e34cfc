import Testing

@testable import ScrapeService

@Suite struct FrontierLevelTests {
    @Test func theLevelIsTheLeastDepthOfWhatIsQueuedWaitingOrNot() async throws {
        try await StoreFixture.with { fixture in
            let store = fixture.store
            let lease = try await fixture.makeLease(pages: 3)
            #expect(try await store.level(lease) == FrontierLevel(depth: 0, last: 3))
            let pages = try await store.frontier(lease, after: 0, limit: 10)
            _ = try await store.settle(
                lease,
                [
                    .fetched(pages[0], links: ["http://site.test/x", "http://site.test/y"]),
                    .retry(pages[1], after: .seconds(1000)), .fetched(pages[2]),
                ], gauges: JobGauges())
            #expect(try await store.level(lease) == FrontierLevel(depth: 0, last: 2))
            _ = try await store.settle(lease, [.fetched(pages[1])], gauges: JobGauges())
            #expect(try await store.level(lease) == FrontierLevel(depth: 1, last: 5))
            let links = try await store.frontier(lease, after: 0, limit: 10)
            _ = try await store.settle(lease, links.map { .fetched($0) }, gauges: JobGauges())
            #expect(try await store.level(lease) == nil)
        }
    }

    @Test func readsEndWithTheLevel() async throws {
        try await StoreFixture.with { fixture in
            let store = fixture.store
            let lease = try await fixture.makeLease(pages: 3)
            let first = try await store.frontier(lease, after: 0, limit: 1)
            _ = try await store.settle(
                lease, [.fetched(first[0], links: ["http://site.test/x"])], gauges: JobGauges())
            let expected: [(FrontierLevel?, [Int64])] = [
                (FrontierLevel(depth: 0, last: 3), [2, 3]), (FrontierLevel(depth: 0, last: 4), [2, 3]),
                (FrontierLevel(depth: 1, last: 4), [2, 3, 4]), (FrontierLevel(depth: 1, last: 2), [2]),
                (nil, [2, 3, 4]),
            ]
            for (level, ids) in expected {
                let all = try await store.frontier(lease, after: 0, limit: 10, passingOver: [], upTo: level)
                let own = try await store.frontier(
                    lease, of: "http://site.test", after: 0, limit: 10, upTo: level)
                for slice in [all, own] {
                    #expect(slice.pages.map(\.id) == ids)
                    #expect(slice.isLast)
                }
            }
        }
    }
}
