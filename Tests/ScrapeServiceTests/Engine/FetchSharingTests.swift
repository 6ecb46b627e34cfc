import Testing

@testable import ScrapeService

@Suite struct FetchSharingTests {
    private typealias Bench = FetchSchedulerStateTests.Bench

    /// A bench that shares its hosts with other replicas and is trusted for a minute.
    private func make() -> Bench {
        let bench = Bench()
        bench.state = FetchSchedulerState(sharesHosts: true)
        bench.state.trust(until: bench.now + .seconds(60), at: bench.now)
        return bench
    }

    private let seat = FetchSchedulerStateTests.seat(permits: 100, limit: 8)

    private func grant(
        _ places: Int, contended: Bool = false, delay: Duration = .zero, heldFor: Duration = .zero,
        window: ClosedRange<Duration>? = nil
    ) -> HostGrant {
        HostGrant(
            origin: "http://a", places: places, isContended: contended, delay: delay, heldFor: heldFor,
            window: window)
    }

    /// Makes a call and answers it at once.
    private func ask(_ bench: Bench, ofAll: Bool = false, _ grant: HostGrant) -> HostUse? {
        let call = bench.state.makeCall(ofAll: ofAll, at: bench.now)
        bench.state.answered([grant], sent: bench.now, at: bench.now)
        return call.uses.first
    }

    @Test func aHostIsAskedForBeforeItIsUsed() {
        let bench = make()
        #expect(!bench.state.sharing.isUrgent)
        #expect(!bench.enter("1", seat))
        #expect(!bench.enter("2", seat))
        #expect(bench.state.sharing.isUrgent)
        let use = ask(bench, grant(1))
        #expect(use == HostUse(origin: "http://a", limit: 8, delay: .zero, wanted: 2, held: 0))
        #expect(!bench.state.sharing.isUrgent)
        #expect(bench.granted().count == 1)
    }

    @Test func manyNewHostsAreOneCall() {
        let bench = make()
        bench.state.expect(seat, (0..<50).map { "http://\($0)" }, at: bench.now)
        #expect(bench.state.makeCall(ofAll: false, at: bench.now).uses.count == 50)
        #expect(bench.state.makeCall(ofAll: false, at: bench.now).isEmpty)
    }

    @Test func untilTheAnswerNoMoreIsUsedThanWasTold() {
        let bench = make()
        bench.enter("1", seat)
        _ = ask(bench, grant(8, contended: true))
        #expect(bench.granted() == ["1"])
        // Others want places: what this replica does not use it gives up with the call.
        #expect(bench.state.makeCall(ofAll: true, at: bench.now).uses.first?.held == 1)
        #expect(!bench.enter("2", seat))
        bench.state.answered([grant(2, contended: true)], sent: bench.now, at: bench.now)
        #expect(bench.granted() == ["2"])
    }

    @Test func aReplicaAloneKeepsItsPlaces() {
        let bench = make()
        bench.enter("1", seat)
        _ = ask(bench, grant(8))
        #expect(bench.granted() == ["1"])
        #expect(bench.state.makeCall(ofAll: true, at: bench.now).uses.first?.held == 8)
        #expect(bench.enter("2", seat))
    }

    @Test func fewerPlacesEndNothingAndStartNothing() {
        let bench = make()
        for number in 1...9 { bench.enter("\(number)", seat) }
        _ = ask(bench, grant(8))
        #expect(bench.granted().count == 8)
        _ = ask(bench, ofAll: true, grant(4, contended: true))
        let inFlight = bench.turns.keys.sorted()
        for name in inFlight.prefix(4) { #expect(bench.end(name) == []) }
        #expect(bench.end(inFlight[4]).count == 1)
    }

    @Test func requestsStartWithinTheirWindowsOnly() {
        let bench = make()
        let seat = FetchSchedulerStateTests.seat(permits: 100, limit: 8, interval: .milliseconds(100))
        for number in 1...9 { bench.enter("\(number)", seat) }
        _ = ask(
            bench, grant(8, delay: .milliseconds(100), window: .milliseconds(50) ... .milliseconds(300)))
        #expect(bench.granted() == [])
        var starts: [Int] = []
        for tick in 1...100 where !bench.pass(.milliseconds(10)).isEmpty { starts.append(tick * 10) }
        #expect(starts == [50, 150, 250])
        #expect(bench.state.waits(of: seat, at: bench.now).first?.reason == .rate)
        _ = ask(bench, ofAll: true, grant(8, delay: .milliseconds(100), window: .zero ... .seconds(1)))
        #expect(bench.granted().count == 1)
    }

    @Test func aWindowShrinksByTheTimeOfTheAnswer() {
        let bench = make()
        let seat = FetchSchedulerStateTests.seat(permits: 100, limit: 8, interval: .milliseconds(100))
        for number in 1...9 { bench.enter("\(number)", seat) }
        _ = bench.state.makeCall(ofAll: false, at: bench.now)
        let sent = bench.now
        _ = bench.pass(.milliseconds(200))
        let window = grant(8, delay: .milliseconds(100), window: .milliseconds(50) ... .milliseconds(300))
        bench.state.answered([window], sent: sent, at: bench.now)
        var starts: [Int] = []
        for tick in 1...100 where !bench.pass(.milliseconds(10)).isEmpty { starts.append(tick * 10) }
        // From 250 to 300 after the question.
        #expect(starts == [50])
    }

    @Test func aHoldIsToldAtOnceAndLearnedFromOthers() {
        let bench = make()
        bench.enter("1", seat)
        _ = ask(bench, grant(8))
        _ = bench.granted()
        bench.state.hold("http://a", until: bench.now + .seconds(3), at: bench.now)
        #expect(bench.state.sharing.isUrgent)
        let call = bench.state.makeCall(ofAll: false, at: bench.now)
        #expect(call.holds == [HostHold(origin: "http://a", delay: .seconds(3))])
        bench.state.unanswered(call, at: bench.now)
        #expect(bench.state.makeCall(ofAll: false, at: bench.now).holds == call.holds)
        bench.state.answered([grant(8, heldFor: .seconds(5))], sent: bench.now, at: bench.now)
        #expect(!bench.enter("2", seat))
        #expect(bench.pass(.milliseconds(4999)) == [])
        #expect(bench.pass(.milliseconds(1)) == ["2"])
    }

    @Test func nothingStartsBeyondTheTrust() {
        let bench = make()
        bench.enter("1", seat)
        _ = ask(bench, grant(8))
        _ = bench.granted()
        #expect(bench.pass(.seconds(60)) == [])
        #expect(!bench.enter("2", seat))
        bench.state.trust(until: bench.now + .seconds(5), at: bench.now)
        #expect(bench.granted() == ["2"])
    }

    @Test func underANewNameEverythingIsAskedAnew() {
        let bench = make()
        bench.enter("1", seat)
        _ = ask(bench, grant(8))
        _ = bench.granted()
        bench.state.renamed(at: bench.now)
        bench.state.trust(until: bench.now + .seconds(5), at: bench.now)
        #expect(!bench.enter("2", seat))
        #expect(ask(bench, grant(8))?.held == 1)
        #expect(bench.granted() == ["2"])
    }

    @Test func aHostNobodyUsesIsGivenUpAndThenForgotten() {
        let bench = make()
        bench.enter("1", seat)
        _ = ask(bench, grant(8))
        _ = bench.granted()
        _ = bench.end("1")
        #expect(bench.state.isSharing)
        #expect(bench.state.makeCall(ofAll: true, at: bench.now).isEmpty)
        let call = bench.state.makeCall(ofAll: true, at: bench.now)
        #expect(call.left == ["http://a"])
        // The store may not have heard.
        bench.state.unanswered(call, at: bench.now)
        #expect(bench.state.makeCall(ofAll: true, at: bench.now).left == ["http://a"])
        #expect(!bench.state.isSharing)
        #expect(bench.state.isEmpty)
    }

    @Test func anOriginThatIsNoKeyOfTheStoreIsNotShared() {
        let bench = make()
        #expect(bench.enter("1", seat, "http://" + String(repeating: "a", count: 300)))
        #expect(bench.state.makeCall(ofAll: true, at: bench.now).isEmpty)
    }
}
