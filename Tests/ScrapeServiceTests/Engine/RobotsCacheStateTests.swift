import Testing

@testable import ScrapeService

@Suite struct RobotsCacheStateTests {
    private let start = ContinuousClock.now

    private func makeState(maxOrigins: Int = 8, maxBytes: Int = 1 << 20) -> RobotsCacheState {
        RobotsCacheState(limits: .init(maxOrigins: maxOrigins, maxBytes: maxBytes))
    }

    private func rules(_ text: String = "user-agent: *\ndisallow: /no") -> RobotsFile {
        RobotsFile(Array(text.utf8))
    }

    /// "rules", "unreachable", or nil where the origin is to be asked.
    private func say(_ answer: RobotsCacheState.Answer?) -> String? {
        switch answer {
        case .rules: "rules"
        case .unreachable: "unreachable"
        case nil: nil
        }
    }

    @Test func anUnknownOriginIsToBeAsked() {
        var state = makeState()
        #expect(state.answer(of: "http://a", at: start) == nil)
    }

    @Test func rulesAreKeptUntilTheyAreToBeRefreshed() {
        var state = makeState()
        state.store(rules(), of: "http://a", at: start)
        let refresh = start + state.limits.refreshInterval
        #expect(say(state.answer(of: "http://a", at: refresh - .seconds(1))) == "rules")
        #expect(state.answer(of: "http://a", at: refresh) == nil)
        #expect(state.answer(of: "http://b", at: start) == nil)
        #expect(state.limits.refreshInterval <= .seconds(24 * 3600))
    }

    @Test func aFailureIsKeptForAShortTime() {
        var state = makeState()
        let stored = state.storeFailure(.http(503), retryAfter: nil, of: "http://a", at: start)
        #expect(say(stored) == "unreachable")
        let until = start + state.limits.failureAge
        #expect(say(state.answer(of: "http://a", at: until - .seconds(1))) == "unreachable")
        #expect(state.answer(of: "http://a", at: until) == nil)
        #expect(state.limits.failureAge < .seconds(60))
    }

    @Test func aFailureIsKeptAsLongAsTheServerAsked() {
        var state = makeState()
        _ = state.storeFailure(.http(429), retryAfter: .seconds(90), of: "http://a", at: start)
        #expect(say(state.answer(of: "http://a", at: start + .seconds(89))) == "unreachable")
        #expect(state.answer(of: "http://a", at: start + .seconds(90)) == nil)
    }

    @Test func oldRulesStandInForAnAnswerThatDidNotComeForADayAtMost() {
        var state = makeState()
        state.store(rules(), of: "http://a", at: start)
        let later = start + state.limits.refreshInterval
        #expect(say(state.storeFailure(.timeout, retryAfter: nil, of: "http://a", at: later)) == "rules")
        // Asked again as after any failure.
        #expect(state.answer(of: "http://a", at: later + state.limits.failureAge) == nil)
        let day = start + state.limits.maxAge
        #expect(
            say(state.storeFailure(.timeout, retryAfter: nil, of: "http://a", at: day)) == "unreachable")
        #expect(state.limits.maxAge <= .seconds(24 * 3600))
        state.store(rules(), of: "http://a", at: day)
        #expect(say(state.answer(of: "http://a", at: day + .seconds(1))) == "rules")
    }

    @Test func theOriginsNotUsedForTheLongestTimeGoFirst() {
        var state = makeState(maxOrigins: 8)
        for number in 0..<8 { state.store(rules(), of: "http://\(number)", at: start) }
        #expect(say(state.answer(of: "http://0", at: start)) == "rules")
        state.store(rules(), of: "http://8", at: start)
        #expect(state.count == 7)
        #expect(say(state.answer(of: "http://0", at: start)) == "rules")
        #expect(say(state.answer(of: "http://8", at: start)) == "rules")
        #expect(state.answer(of: "http://1", at: start) == nil)
        #expect(state.answer(of: "http://2", at: start) == nil)
    }

    @Test func rulesAreBoundedInBytes() {
        let large = rules("user-agent: *\n" + (0..<1_000).map { "disallow: /\($0)\n" }.joined())
        var state = makeState(maxOrigins: 1_000, maxBytes: 10 * large.footprintBytes)
        for number in 0..<100 {
            state.store(large, of: "http://\(number)", at: start)
            #expect(state.bytes <= 10 * large.footprintBytes)
        }
        #expect(say(state.answer(of: "http://99", at: start)) == "rules")
        #expect(state.count >= 5)
        // What was replaced costs nothing any more.
        for _ in 0..<100 { state.store(rules(), of: "http://99", at: start) }
        #expect(state.bytes < 10 * large.footprintBytes)
    }
}
