import Foundation
import HTTPCore
import Synchronization
import Testing

@testable import ScrapeService

@Suite struct HostSharingTests {
    private let origin = "http://site.test"

    private func use(
        limit: Int = 8, delay: Duration = .zero, wanted: Int = 20, held: Int = 0, origin: String? = nil
    ) -> HostUse {
        HostUse(origin: origin ?? self.origin, limit: limit, delay: delay, wanted: wanted, held: held)
    }

    private func ask(
        _ fixture: StoreFixture, _ replica: ReplicaID, _ use: HostUse
    ) async throws -> HostGrant {
        let grants = try await fixture.store.share(HostCall(uses: [use]), for: replica)
        return try #require(grants?.first)
    }

    private func expect(
        _ fixture: StoreFixture, _ replica: ReplicaID, _ use: HostUse, places: Int,
        sourceLocation: SourceLocation = #_sourceLocation
    ) async throws {
        let grant = try await ask(fixture, replica, use)
        #expect(grant.places == places, sourceLocation: sourceLocation)
    }

    @Test func aReplicaAloneHasEveryPlace() async throws {
        try await StoreFixture.with { fixture in
            let grant = try await ask(fixture, fixture.makeReplica(), use())
            #expect(
                grant
                    == HostGrant(
                        origin: origin, places: 8, isContended: false, delay: .zero, heldFor: .zero,
                        window: nil))
        }
    }

    @Test func manyHostsAreOneStatement() async throws {
        try await StoreFixture.with { fixture in
            let uses = (0..<500).map { use(limit: $0 + 1, origin: "http://\($0).test") }
            let replica = try await fixture.makeReplica()
            let grants = try #require(try await fixture.store.share(HostCall(uses: uses), for: replica))
            #expect(
                Dictionary(uniqueKeysWithValues: grants.map { ($0.origin, $0.places) })
                    == Dictionary(uniqueKeysWithValues: uses.map { ($0.origin, $0.limit) }))
            let left = HostCall(left: uses.map(\.origin))
            let answer = try await fixture.store.share(left, for: replica)
            let rows = try await fixture.number("select count(*) from host_use")
            #expect(answer == [] && rows == 0)
        }
    }

    @Test func aReplicaNobodyKnowsIsTold() async throws {
        try await StoreFixture.with { fixture in
            let grants = try await fixture.store.share(HostCall(uses: [use()]), for: ReplicaID())
            let rows = try await fixture.number("select count(*) from host_use")
            #expect(grants == nil && rows == 0)
        }
    }

    @Test func theHolderShrinksToItsShareAsItsFetchesEnd() async throws {
        try await StoreFixture.with { fixture in
            let (one, two) = (try await fixture.makeReplica(), try await fixture.makeReplica())
            try await expect(fixture, one, use(), places: 8)
            try await expect(fixture, two, use(), places: 0)
            try await expect(fixture, one, use(held: 8), places: 4)
            // It still has six in flight.
            try await expect(fixture, one, use(held: 6), places: 4)
            try await expect(fixture, two, use(), places: 2)
            try await expect(fixture, one, use(held: 4), places: 4)
            try await expect(fixture, two, use(held: 2), places: 4)
        }
    }

    @Test func whoWantsLittleLeavesTheRest() async throws {
        try await StoreFixture.with { fixture in
            let (one, two) = (try await fixture.makeReplica(), try await fixture.makeReplica())
            try await expect(fixture, one, use(wanted: 1), places: 8)
            try await expect(fixture, two, use(), places: 0)
            try await expect(fixture, one, use(wanted: 1, held: 1), places: 4)
            try await expect(fixture, one, use(wanted: 1, held: 1), places: 4)
            try await expect(fixture, two, use(), places: 4)
        }
    }

    @Test func theMostCarefulJobOfAllReplicasCounts() async throws {
        try await StoreFixture.with { fixture in
            let (one, two) = (try await fixture.makeReplica(), try await fixture.makeReplica())
            _ = try await ask(fixture, one, use(limit: 8, delay: .seconds(2)))
            let grant = try await ask(fixture, two, use(limit: 2, delay: .seconds(1)))
            #expect(grant.places == 0)
            #expect(grant.delay == .seconds(2))
            try await expect(fixture, one, use(limit: 8, held: 8), places: 1)
            try await expect(fixture, one, use(limit: 8, held: 1), places: 1)
            try await expect(fixture, two, use(limit: 2), places: 1)
        }
    }

    @Test func aHoldIsEverybodysAndTheLongestCounts() async throws {
        try await StoreFixture.with { fixture in
            let (one, two) = (try await fixture.makeReplica(), try await fixture.makeReplica())
            let hold = HostHold(origin: origin, delay: .seconds(30))
            _ = try await fixture.store.share(HostCall(uses: [use()], holds: [hold]), for: one)
            let shorter = HostHold(origin: origin, delay: .seconds(3))
            _ = try await fixture.store.share(HostCall(holds: [shorter]), for: one)
            let heldFor = try await ask(fixture, two, use()).heldFor
            #expect(heldFor > .seconds(25) && heldFor <= .seconds(30))
        }
    }

    @Test func aDeadReplicasPlacesComeBack() async throws {
        try await StoreFixture.with { fixture in
            let (one, two) = (try await fixture.makeReplica(), try await fixture.makeReplica())
            try await expect(fixture, one, use(), places: 8)
            try await expect(fixture, two, use(), places: 0)
            try await fixture.store.retire(one)
            try await expect(fixture, two, use(), places: 8)
        }
    }

    @Test func onePlaceGoesRound() async throws {
        try await StoreFixture.with { fixture in
            let replicas = [try await fixture.makeReplica(), try await fixture.makeReplica()]
            var held = [0, 0]
            var turns: [Int] = []
            let start = ContinuousClock.now
            while Set(turns).count < 2, ContinuousClock.now - start < .seconds(20) {
                for number in 0...1 {
                    let grant = try await ask(fixture, replicas[number], use(limit: 1, held: held[number]))
                    held[number] = grant.places
                    #expect(held[0] + held[1] <= 1)
                    if grant.places == 1 { turns.append(number) }
                }
                try await TestPostgres.loop.sleep(for: .milliseconds(100))
            }
            #expect(Set(turns) == [0, 1])
        }
    }

    /// Replicas that behave as the scheduler does: they use what they were told, and say what they use before they ask.
    @Test func placesAreNeverMoreThanTheLimitHoweverReplicasAsk() async throws {
        try await StoreFixture.with(maxConnections: 8) { fixture in
            let limit = 5
            let inUse = InUse()
            try await withThrowingTaskGroup(of: Int.self) { group in
                for _ in 0..<4 {
                    let replica = try await fixture.makeReplica()
                    group.addTask {
                        var held = 0
                        var seen = 0
                        var rounds = 0
                        // On a busy machine the others may be slow to give back: its turn comes all the same.
                        while rounds < 60 || (seen == 0 && rounds < 2000) {
                            rounds += 1
                            let call = HostCall(uses: [
                                use(limit: limit, wanted: .random(in: 0...10), held: held)
                            ])
                            let grants = try await fixture.store.share(call, for: replica)
                            let places = grants?.first?.places ?? 0
                            // What is in flight ends first, now and then all of it.
                            let next = Bool.random() ? places : max(places, held - 1)
                            inUse.change(by: next - held)
                            held = next
                            seen += places
                            try await TestPostgres.loop.sleep(for: .milliseconds(.random(in: 0...5)))
                        }
                        inUse.change(by: -held)
                        try await fixture.store.retire(replica)
                        return seen
                    }
                }
                for try await seen in group { #expect(seen > 0) }
            }
            #expect(inUse.most <= limit)
            #expect(inUse.most > 1)
        }
    }

    /// Starts as the scheduler makes them, at the earliest moments that the windows allow.
    @Test func startsOfAllReplicasAreSpaced() async throws {
        try await StoreFixture.with(maxConnections: 8) { fixture in
            let delay = Duration.milliseconds(50)
            let sorted = try await withThrowingTaskGroup(of: [Moment].self) { group in
                for _ in 0..<3 {
                    let replica = try await fixture.makeReplica()
                    group.addTask {
                        var starts: [Moment] = []
                        var last = Moment.distantPast
                        for _ in 0..<25 {
                            let sent = Moment.now
                            let call = HostCall(uses: [use(limit: 100, delay: delay, wanted: 50)])
                            let grants = try await fixture.store.share(call, for: replica)
                            let now = Moment.now
                            if let window = grants?.first?.window {
                                var start = max(now + window.lowerBound, last + delay)
                                while start <= sent + window.upperBound {
                                    starts.append(start)
                                    last = start
                                    start = start + delay
                                }
                            }
                            try await TestPostgres.loop.sleep(for: .milliseconds(.random(in: 50...250)))
                        }
                        return starts
                    }
                }
                return try await group.reduce(into: []) { $0 += $1 }.sorted()
            }
            let last = try #require(sorted.last)
            let seconds = (last - sorted[0]) / .seconds(1)
            for (one, next) in zip(sorted, sorted.dropFirst()) {
                #expect(next - one >= delay - .milliseconds(1))
            }
            // Nobody had to wait for much longer than the rate asks for.
            #expect(Double(sorted.count) > seconds * 20 / 2)
        }
    }

    @Test func hostsNobodyUsesAreRemovedInTime() async throws {
        try await StoreFixture.with { fixture in
            let replica = try await fixture.makeReplica()
            _ = try await ask(fixture, replica, use())
            _ = try await ask(fixture, replica, use(origin: "http://old.test"))
            _ = try await fixture.store.share(HostCall(left: ["http://old.test"]), for: replica)
            _ = try await fixture.store.pool.query("update host set created_at = now() - interval '2 hours'")
            await fixture.store.maintain()
            let hosts = try await fixture.number("select count(*) from host")
            #expect(hosts == 1)
            try await expect(fixture, replica, use(held: 8), places: 8)
        }
    }
}

/// What many replicas use at once.
private final class InUse: Sendable {
    private let state = Mutex((now: 0, most: 0))

    var most: Int { state.withLock(\.most) }

    func change(by number: Int) {
        state.withLock { state in
            state.now += number
            state.most = max(state.most, state.now)
        }
    }
}
