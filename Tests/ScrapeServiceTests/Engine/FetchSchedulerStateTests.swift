import Testing

@testable import ScrapeService

@Suite struct FetchSchedulerStateTests {
    /// Drives a state with a clock of its own.
    final class Bench {
        var state = FetchSchedulerState()
        let start = Moment.now
        var elapsed = Duration.zero
        /// Tickets by the name of their page, and the other way round.
        var tickets: [String: FetchSchedulerState.Ticket] = [:]
        var names: [FetchSchedulerState.Ticket: String] = [:]
        var turns: [String: FetchSchedulerState.Turn] = [:]

        var now: Moment { start + elapsed }

        /// True: the page has its turn at once.
        @discardableResult
        func enter(
            _ name: String, _ seat: JobSeat, _ origin: String = "http://a", crawlDelay: Duration? = nil
        ) -> Bool {
            switch state.enter(seat, origin: origin, crawlDelay: crawlDelay?.wholeNanoseconds, at: now) {
            case .passes(let turn):
                turns[name] = turn
                return true
            case .waits(let ticket):
                tickets[name] = ticket
                names[ticket] = name
                return false
            }
        }

        /// Pages that have got their turn since the last call, sorted.
        func granted() -> [String] {
            var found: [String] = []
            while let (ticket, turn) = state.nextGranted() {
                let name = names[ticket] ?? "?"
                turns[name] = turn
                found.append(name)
            }
            return found.sorted()
        }

        func fetched(_ name: String) { if let turn = turns[name] { state.fetched(turn, at: now) } }

        func leave(_ name: String) {
            if let turn = turns.removeValue(forKey: name) { state.leave(turn, at: now) }
        }

        /// Fetched and read.
        func end(_ name: String) -> [String] {
            fetched(name)
            leave(name)
            return granted()
        }

        func cancel(_ name: String) -> Bool {
            guard let ticket = tickets[name] else { return false }
            return state.cancel(ticket, at: now)
        }

        func pass(_ time: Duration) -> [String] {
            elapsed += time
            state.advance(to: now)
            return granted()
        }
    }

    static func seat(
        _ number: Int = 1, permits: Int = 10, limit: Int = 10, interval: Duration = .zero
    ) -> JobSeat {
        JobSeat(number: number, permits: permits, pace: JobSeat.Pace(limit: limit, interval: interval))
    }

    // MARK: Places and permits

    @Test func aHostAdmitsItsLimitAndOthersAreFree() {
        let bench = Bench()
        let seat = Self.seat(limit: 2)
        #expect(bench.enter("a1", seat) && bench.enter("a2", seat))
        #expect(!bench.enter("a3", seat))
        #expect(bench.enter("b1", seat, "http://b"))
        #expect(bench.end("a1") == ["a3"])
    }

    @Test func aPageThatWaitsForAHostHoldsNoPermit() {
        let bench = Bench()
        let seat = Self.seat(permits: 2, limit: 1)
        #expect(bench.enter("slow1", seat, "http://slow"))
        for number in 2...9 { #expect(!bench.enter("slow\(number)", seat, "http://slow")) }
        #expect(bench.enter("fast1", seat, "http://fast"))
    }

    @Test func aPageThatWaitsForAPermitHoldsNoPlace() {
        let bench = Bench()
        let one = Self.seat(1, permits: 1, limit: 1)
        let other = Self.seat(2, permits: 1, limit: 1)
        #expect(bench.enter("x", one, "http://b"))
        #expect(!bench.enter("y", one))
        #expect(bench.enter("z", other))
        #expect(bench.end("x") == [])
        #expect(bench.end("z") == ["y"])
    }

    @Test func thePlaceIsFreeOnceTheAnswerIsThereThePermitOnceItIsRead() {
        let bench = Bench()
        let one = Self.seat(1, permits: 1, limit: 1)
        let other = Self.seat(2, permits: 1, limit: 1)
        #expect(bench.enter("x", one))
        #expect(!bench.enter("y", one))
        #expect(!bench.enter("z", other))
        bench.fetched("x")
        #expect(bench.granted() == ["z"])
        bench.leave("x")
        #expect(bench.granted() == [])
        #expect(bench.end("z") == ["y"])
    }

    @Test func theMostCarefulJobSetsTheHostsPlaces() {
        let bench = Bench()
        let careful = Self.seat(1, limit: 1)
        let other = Self.seat(2, limit: 3)
        #expect(bench.enter("x1", other) && bench.enter("x2", other))
        #expect(!bench.enter("y", careful))
        #expect(!bench.enter("x3", other))
        #expect(bench.end("x1") == [])
        #expect(bench.end("x2") == ["y"])
        // The careful one has gone: the other has its three places again.
        #expect(bench.enter("x4", other) == false)
        #expect(bench.end("y") == ["x3", "x4"])
        #expect(bench.enter("x5", other))
    }

    // MARK: Order

    @Test func jobsTakeTurnsAtAHost() {
        let bench = Bench()
        let large = Self.seat(1, limit: 1)
        let small = Self.seat(2, limit: 1)
        #expect(bench.enter("l0", large))
        for number in 1...5 { bench.enter("l\(number)", large) }
        for number in 1...3 { bench.enter("s\(number)", small) }
        var order = ["l0"]
        for _ in 0..<8 { order += bench.end(order.last ?? "") }
        #expect(order == ["l0", "l1", "s1", "l2", "s2", "l3", "s3", "l4", "l5"])
    }

    @Test func hostsTakeTurnsAtAJobsPermits() {
        let bench = Bench()
        let seat = Self.seat(permits: 1)
        #expect(bench.enter("a0", seat))
        for number in 1...4 { bench.enter("a\(number)", seat) }
        for number in 1...2 { bench.enter("b\(number)", seat, "http://b") }
        bench.enter("c1", seat, "http://c")
        var order = ["a0"]
        for _ in 0..<7 { order += bench.end(order.last ?? "") }
        #expect(order == ["a0", "b1", "c1", "a1", "b2", "a2", "a3", "a4"])
    }

    // MARK: Cancelling

    @Test func aCancelledPageLeavesTheLineAtOnce() {
        let bench = Bench()
        let seat = Self.seat(limit: 1)
        bench.enter("x", seat)
        bench.enter("y", seat)
        bench.enter("z", seat)
        #expect(bench.cancel("y"))
        #expect(!bench.cancel("y"))
        #expect(bench.end("x") == ["z"])
        #expect(!bench.cancel("z"))
        #expect(bench.end("z") == [])
        #expect(bench.state.isEmpty)
    }

    @Test func anOldTicketIsNotItsSuccessors() {
        let bench = Bench()
        let seat = Self.seat(limit: 1)
        bench.enter("x", seat)
        bench.enter("y", seat)
        #expect(bench.cancel("y"))
        bench.enter("z", seat)
        #expect(!bench.cancel("y"))
        #expect(bench.end("x") == ["z"])
    }

    // MARK: Time

    @Test func aHeldHostWaitsForItsTimeAndAnotherDoesNot() {
        let bench = Bench()
        let seat = Self.seat()
        bench.state.hold("http://a", until: bench.now + .seconds(3), at: bench.now)
        bench.state.hold("http://a", until: bench.now + .seconds(1), at: bench.now)
        #expect(!bench.enter("a", seat))
        #expect(bench.enter("b", seat, "http://b"))
        #expect(bench.pass(.milliseconds(2999)) == [])
        #expect(bench.state.nextWake == bench.start + .seconds(3))
        #expect(bench.pass(.milliseconds(1)) == ["a"])
        _ = bench.end("a")
        _ = bench.end("b")
        #expect(bench.state.isEmpty)
    }

    @Test func aHoldIsForgottenWhenItIsOver() {
        let bench = Bench()
        bench.state.hold("http://a", until: bench.now + .seconds(3), at: bench.now)
        #expect(!bench.state.isEmpty)
        #expect(bench.pass(.seconds(3)) == [])
        #expect(bench.state.isEmpty)
        #expect(bench.state.nextWake == nil)
    }

    @Test func aRateSpacesRequestsOverJobs() {
        let bench = Bench()
        let paced = Self.seat(1, interval: .milliseconds(100))
        let other = Self.seat(2)
        #expect(bench.enter("p1", paced))
        #expect(!bench.enter("o1", other))
        #expect(!bench.enter("p2", paced))
        #expect(bench.pass(.milliseconds(99)) == [])
        #expect(bench.pass(.milliseconds(1)) == ["o1"])
        #expect(bench.pass(.milliseconds(100)) == ["p2"])
        #expect(!bench.enter("p3", paced))
        #expect(bench.state.waits(of: paced, at: bench.now).first?.reason == .rate)
    }

    @Test func theRateOutlivesTheJobThatAskedForIt() {
        let bench = Bench()
        #expect(bench.enter("p1", Self.seat(1, interval: .seconds(1))))
        #expect(bench.end("p1") == [])
        #expect(!bench.enter("p2", Self.seat(2, interval: .seconds(1))))
        #expect(bench.pass(.seconds(1)) == ["p2"])
    }

    @Test func crawlDelayIsTheSlowerPace() {
        let bench = Bench()
        let seat = Self.seat(interval: .milliseconds(100))
        #expect(bench.enter("1", seat, crawlDelay: .seconds(2)))
        #expect(!bench.enter("2", seat, crawlDelay: .seconds(2)))
        let wait = bench.state.waits(of: seat, at: bench.now)
        #expect(wait == [HostWait(origin: "http://a", reason: .crawlDelay, waiting: 1, seconds: 2)])
        #expect(bench.pass(.milliseconds(1999)) == [])
        // One at a time as well.
        #expect(bench.pass(.milliseconds(1)) == [])
        #expect(bench.end("1") == ["2"])
    }

    // MARK: Shares

    /// Ten hosts, one of which never answers: what the others have left of 64 permits after a while of ordinary work.
    @Test func aSlowHostGetsItsShareOfTheJobsPermitsOnly() {
        let bench = Bench()
        let seat = Self.seat(permits: 64, limit: 64)
        var next = 0
        var flight: [[String]] = Array(repeating: [], count: 10)
        func fill() {
            bench.state.expect(seat, (0..<1000).map { "http://\($0 / 100)" }, at: bench.now)
            for host in 0..<10 {
                for _ in 0..<100 {
                    next += 1
                    if bench.enter("\(host)-\(next)", seat, "http://\(host)") {
                        flight[host].append("\(host)-\(next)")
                    }
                }
            }
        }
        fill()
        for round in 0..<200 {
            // Every fast fetch ends; now and then there is nothing to fetch from the fast ones for a moment.
            if round % 10 == 9 { fill() }
            for host in 1..<10 {
                let ending = flight[host]
                flight[host] = []
                for name in ending {
                    for granted in bench.end(name) {
                        flight[Int(granted.prefix { $0 != "-" }) ?? 0].append(granted)
                    }
                }
            }
            // The slow ones end as well, a hundred times more rarely.
            if round % 100 == 99 {
                let ending = flight[0]
                flight[0] = []
                for name in ending {
                    for granted in bench.end(name) {
                        flight[Int(granted.prefix { $0 != "-" }) ?? 0].append(granted)
                    }
                }
            }
            for granted in bench.pass(.milliseconds(20)) {
                flight[Int(granted.prefix { $0 != "-" }) ?? 0].append(granted)
            }
            #expect(flight[0].count <= 7, "round \(round)")
            if round > 110 { #expect(flight[0].count <= 4, "round \(round)") }
        }
    }

    @Test func aHostAloneHasEveryPermit() {
        let bench = Bench()
        let seat = Self.seat(permits: 50, limit: 50)
        for number in 0..<50 { #expect(bench.enter("\(number)", seat)) }
    }

    @Test func whatOthersDoNotUseIsForWhoeverWantsIt() {
        let bench = Bench()
        let seat = Self.seat(permits: 10, limit: 10)
        #expect(bench.enter("b", seat, "http://b"))
        #expect(bench.enter("c", seat, "http://c"))
        for number in 0..<10 { bench.enter("a\(number)", seat) }
        _ = bench.end("b")
        _ = bench.end("c")
        // Each kept one permit for a while.
        for _ in 0..<4 { _ = bench.pass(FetchJob.reviewInterval) }
        #expect(bench.turns.keys.filter { $0.hasPrefix("a") }.count == 10)
    }

    // MARK: What waits

    @Test func theHostsThatWaitAreListedWithTheirReasons() {
        let bench = Bench()
        let seat = Self.seat(permits: 100, limit: 1)
        for host in 0..<7 {
            for number in 0...host { bench.enter("\(host)-\(number)", seat, "http://\(host)") }
        }
        bench.state.hold("http://6", until: bench.now + .seconds(2), at: bench.now)
        let waits = bench.state.waits(of: seat, at: bench.now)
        #expect(waits.map(\.origin) == (2...6).reversed().map { "http://\($0)" })
        #expect(waits.map(\.waiting) == [6, 5, 4, 3, 2])
        #expect(waits.first?.reason == .retryAfter && waits.first?.seconds == 2)
        #expect(waits.last?.reason == .concurrency && waits.last?.seconds == nil)
        #expect(bench.state.waits(of: Self.seat(9), at: bench.now) == [])
    }
}
