import Testing

@testable import ScrapeService

@Suite struct FrontierWindowTests {
    private func page(_ id: Int64, _ host: String = "a") -> QueuedPage {
        QueuedPage(
            id: id, kind: "page", url: WebURL(canonical: "http://\(host)/\(id)"), depth: 0, attempt: 0)
    }

    private func slice(_ pages: [QueuedPage], isLast: Bool = false, scannedTo: Int64? = nil) -> FrontierSlice
    {
        FrontierSlice(pages: pages, scannedTo: scannedTo ?? pages.last?.id, isLast: isLast)
    }

    /// A slow host first, then others: what the frontier of a real crawl looks like.
    @Test func aSlowHostHoldsItsShareAndTheOthersGoOn() {
        var window = FrontierWindow(concurrency: 32, perHost: 8)
        #expect(window.size == 64)
        let slow = (1...500).map { page($0, "slow") }
        #expect(window.frontierRead(slice(slow), atMost: .max).count == 48)
        #expect(window.deferredOrigins == ["http://slow"])
        #expect(window.cursor == 500)
        #expect(window.wantsFrontier)
        let fast = (501...560).map { page($0, "fast\($0 % 9)") }
        #expect(window.frontierRead(slice(fast), atMost: .max).count == 60)
        #expect(window.count == 108)
        #expect(!window.wantsFrontier, "the window itself is nearly full of others")
    }

    @Test func aDeferredHostIsReadOnOnceHalfOfItsShareHasLeft() throws {
        var window = FrontierWindow(concurrency: 32, perHost: 8)
        let both = (1...100).map { page($0, $0 == 1 ? "fast" : "slow") }
        #expect(window.frontierRead(slice(both), atMost: .max).count == 17, "16 of the slow one")
        for id in 2...9 {
            #expect(window.originToRead == nil)
            window.remove(page(Int64(id), "slow"))
        }
        let read = try #require(window.originToRead)
        #expect(read.origin == "http://slow" && read.after == 17 && read.limit == 8)
        let more = (18...25).map { page($0, "slow") }
        #expect(window.originRead("http://slow", slice(more)).map(\.id) == Array(18...25))
        #expect(window.originToRead == nil)
    }

    @Test func aHostThatWasReadToItsEndGoesWithTheOthersAgain() {
        var window = FrontierWindow(concurrency: 32, perHost: 8)
        _ = window.frontierRead(slice((1...60).map { page($0) }, isLast: true), atMost: .max)
        #expect(!window.deferredOrigins.isEmpty)
        for id in 1...24 { window.remove(page(Int64(id))) }
        let rest = window.originRead("http://a", slice((49...60).map { page($0) }, isLast: true))
        #expect(rest.count == 12)
        #expect(!window.wantsFrontier)
        #expect(window.deferredOrigins.isEmpty)
        window.pagesWereFound(from: 61)
        #expect(window.wantsFrontier)
        #expect(window.cursor == 60)
    }

    @Test func pagesFoundBelowTheCursorAreReadAsWell() {
        var window = FrontierWindow(concurrency: 32, perHost: 8)
        let moved = (1...5).map { page((1 << 40) + $0) }
        _ = window.frontierRead(slice(moved, isLast: true), atMost: .max)
        #expect(window.cursor == (1 << 40) + 5)
        window.pagesWereFound(from: 100)
        #expect(window.cursor == 99)
        #expect(
            window.frontierRead(slice([page(100)] + moved, isLast: true), atMost: .max).map(\.id) == [100])
        #expect(window.highest == (1 << 40) + 5)
    }

    @Test func aReadThatFindsNoRoomIsGoneOnFromWhereItStopped() {
        var window = FrontierWindow(concurrency: 4, perHost: 100)
        let pages = (1...80).map { page($0, "host\($0)") }
        #expect(window.frontierRead(slice(pages), atMost: .max).count == 64)
        #expect(window.cursor == 64)
        #expect(window.frontierRead(slice(pages), atMost: 0).isEmpty)
    }

    @Test func retriesOfOneHostDoNotFillTheWindow() {
        var window = FrontierWindow(concurrency: 32, perHost: 8)
        let due = (1...200).map { page($0, $0 == 200 ? "other" : "failing") }
        let (fresh, left) = window.retriesRead(due)
        #expect(left)
        #expect(fresh.count == 49)
        #expect(window.retries == 49)
        #expect(fresh.last?.id == 200)
    }

    @Test func manySlowHostsAreBoundedToo() {
        var window = FrontierWindow(concurrency: 32, perHost: 8)
        var next: Int64 = 1
        for host in 0..<100 {
            let pages = (0..<20).map { page(next + $0, "slow\(host)") }
            next += 20
            _ = window.frontierRead(slice(pages), atMost: .max)
        }
        #expect(window.count <= window.size + FrontierWindow.maxDeferred)
    }
}
