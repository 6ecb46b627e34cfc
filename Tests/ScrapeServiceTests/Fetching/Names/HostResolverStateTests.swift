import Testing

@testable import ScrapeService

@Suite struct HostResolverStateTests {
    /// `#expect` takes no mutating call of a value.
    private final class Book {
        var state: HostResolverState<Int>

        init(maxEntries: Int = 4) { state = HostResolverState(maxEntries: maxEntries) }

        var count: Int { state.count }
        func answer(for host: URLHost, at now: ContinuousClock.Instant) -> Int? {
            state.answer(for: host, at: now)
        }
        func join(_ ticket: UInt64, for host: URLHost) -> Bool { state.join(ticket, for: host) }
        func leave(_ ticket: UInt64) -> URLHost? { state.leave(ticket) }
        func forget(_ host: URLHost) { state.forget(host) }
        func settle(
            _ host: URLHost, _ answer: Int, until expiry: ContinuousClock.Instant,
            at now: ContinuousClock.Instant
        ) -> [UInt64] {
            state.settle(host, answer, until: expiry, at: now)
        }
    }

    private let now = ContinuousClock.now

    private func host(_ name: String, _ port: Int = 80) throws -> URLHost {
        try #require(URLHost(WebURL(canonical: "http://\(name):\(port)/")))
    }

    @Test func theFirstWhoAsksStartsTheLookUpAndAllGetTheAnswer() throws {
        let state = Book()
        let a = try host("a")
        #expect(state.join(1, for: a))
        #expect(!state.join(2, for: a))
        #expect(state.join(3, for: try host("a", 81)))
        #expect(state.answer(for: a, at: now) == nil)
        #expect(state.settle(a, 7, until: now + .seconds(1), at: now) == [1, 2])
        #expect(state.answer(for: a, at: now) == 7)
        #expect(state.settle(a, 8, until: now + .seconds(1), at: now).isEmpty)
    }

    @Test func anAnswerIsUsedUntilItsTime() throws {
        let state = Book()
        let a = try host("a")
        _ = state.settle(a, 7, until: now + .seconds(1), at: now)
        #expect(state.answer(for: a, at: now + .milliseconds(999)) == 7)
        #expect(state.answer(for: a, at: now + .seconds(1)) == nil)
        #expect(state.join(1, for: a))
    }

    @Test func whoLeavesIsNotAnswered() throws {
        let state = Book()
        let a = try host("a")
        _ = state.join(1, for: a)
        _ = state.join(2, for: a)
        #expect(state.leave(1) == nil)
        #expect(state.leave(1) == nil)
        #expect(state.leave(2) == a)
        // The look-up still runs: the next one waits for it.
        #expect(!state.join(3, for: a))
        #expect(state.settle(a, 7, until: now + .seconds(1), at: now) == [3])
        #expect(state.leave(3) == nil)
        // Taken back before it began: the next one starts it anew.
        _ = state.join(4, for: try host("b"))
        #expect(state.leave(4) != nil)
        state.forget(try host("b"))
        #expect(state.join(5, for: try host("b")))
    }

    @Test func noMoreAnswersAreKeptThanAllowed() throws {
        let state = Book(maxEntries: 3)
        for number in 1...100 {
            let expiry = now + .seconds(number)
            _ = state.settle(try host("h\(number)"), number, until: expiry, at: now)
            #expect(state.count <= 3)
        }
        #expect(state.answer(for: try host("h100"), at: now) == 100)
        #expect(state.answer(for: try host("h97"), at: now) == nil)
        // What is too old goes first, all of it.
        _ = state.settle(try host("x"), 0, until: now + .seconds(300), at: now + .seconds(200))
        #expect(state.count == 1)
    }
}
