import HTTPCore
import Testing

@testable import ScrapeService

@Suite struct FetchSchedulerTests {
    private let fetches: FetchScheduler

    init() throws { fetches = FetchScheduler(loop: try EventLoop(name: "test-fetches")) }

    private func seat(permits: Int = 10, limit: Int = 10) -> JobSeat {
        fetches.makeSeat(permits: permits, Politeness(perHostConcurrency: limit))
    }

    private func end(_ turn: FetchScheduler.Turn) {
        fetches.fetched(turn)
        fetches.leave(turn)
    }

    @Test func aPageWaitsUntilAPlaceIsFree() async throws {
        let seat = seat(limit: 1)
        let first = try await fetches.enter(seat, origin: "http://a")
        let second = Task { try await fetches.enter(seat, origin: "http://a") }
        while fetches.waits(of: seat).isEmpty { await Task.yield() }
        end(first)
        end(try await second.value)
        #expect(fetches.isIdle)
    }

    @Test func aCancelledPageThrowsAndLeavesTheLine() async throws {
        let seat = seat(limit: 1)
        let first = try await fetches.enter(seat, origin: "http://a")
        let second = Task { try await fetches.enter(seat, origin: "http://a") }
        while fetches.waits(of: seat).isEmpty { await Task.yield() }
        second.cancel()
        await #expect(throws: CancellationError.self) { try await second.value }
        #expect(fetches.waits(of: seat).isEmpty)
        end(first)
        #expect(fetches.isIdle)
    }

    @Test func aTaskCancelledBeforeItWaitsDoesNotWait() async throws {
        let seat = seat(limit: 1)
        let first = try await fetches.enter(seat, origin: "http://a")
        let second = Task {
            while !Task.isCancelled { await Task.yield() }
            return try await fetches.enter(seat, origin: "http://a")
        }
        second.cancel()
        await #expect(throws: CancellationError.self) { try await second.value }
        end(first)
        #expect(fetches.isIdle)
    }

    @Test func aHeldHostOpensByItself() async throws {
        let seat = seat()
        let start = ContinuousClock.now
        fetches.hold("http://a", for: .milliseconds(200))
        let free = try await fetches.enter(seat, origin: "http://b")
        #expect(ContinuousClock.now - start < .milliseconds(190))
        let held = try await fetches.enter(seat, origin: "http://a")
        #expect(ContinuousClock.now - start >= .milliseconds(200))
        end(free)
        end(held)
    }

    @Test func cancellingAtRandomNeverLosesAPlaceOrAPermit() async throws {
        let tally = Tally()
        let seats = [seat(permits: 3, limit: 2), seat(permits: 2, limit: 3)]
        await withTaskGroup(of: Void.self) { group in
            for number in 0..<3_000 {
                group.addTask { [fetches] in
                    let task = Task {
                        let turn = try await fetches.enter(seats[number % 2], origin: "http://\(number % 3)")
                        tally.enter()
                        await Task.yield()
                        tally.leave()
                        fetches.fetched(turn)
                        fetches.leave(turn)
                    }
                    if number.isMultiple(of: 2) { await Task.yield() }
                    if number.isMultiple(of: 3) { task.cancel() }
                    _ = await task.result
                }
            }
        }
        #expect(tally.most <= 5)
        #expect(fetches.isIdle)
    }
}
