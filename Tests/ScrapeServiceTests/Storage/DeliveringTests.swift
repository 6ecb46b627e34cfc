import Foundation
import HTTPCore
import Testing

@testable import ScrapeService

/// How deliveries are claimed, settled, given back and asked for again.
@Suite struct DeliveringTests {
    private static let claim = Duration.seconds(20)

    /// `count` pending deliveries to each of `receivers`, due since a second.
    private func fill(_ fixture: StoreFixture, _ receivers: [String], count: Int) async throws {
        for receiver in receivers {
            let webhook = Webhook(url: WebURL(canonical: "\(receiver)/in"), events: [.started])
            let job = StoreFixture.makeJob(webhook: webhook)
            _ = try await fixture.store.accept(job)
            _ = try await fixture.store.pool.query(
                """
                insert into delivery (job, receiver, event, created_at, next_attempt_at)
                select w.job, w.receiver, 'started', clock_timestamp(),
                    clock_timestamp() - interval '1 second' + n * interval '1 microsecond'
                from job j join webhook w on w.job = j.key, generate_series(1, $2) n where j.id = $1
                """, [.uuid(job.id.uuid), .integer(count)])
        }
    }

    private func claim(
        _ fixture: StoreFixture, limit: Int = 100, perReceiver: Int = 100, active: [String: Int] = [:],
        for duration: Duration = Self.claim
    ) async throws -> [ClaimedDelivery] {
        try await fixture.store.claimDeliveries(
            limit: limit, perReceiver: perReceiver, active: active, for: duration)
    }

    private func row(_ delivery: ClaimedDelivery, _ fixture: StoreFixture) async throws -> Delivery {
        let log = try await fixture.store.deliveries(of: delivery.job, after: Position(), limit: 1000)
        return try #require(log.elements.first { $0.id == delivery.id })
    }

    private func makeDue(_ fixture: StoreFixture) async throws {
        _ = try await fixture.store.pool.query(
            "update delivery set next_attempt_at = clock_timestamp(), claimed_until = clock_timestamp()")
    }

    @Test func aClaimedDeliveryIsNobodyElses() async throws {
        try await StoreFixture.with(maxConnections: 8) { fixture in
            try await fill(fixture, ["http://a.test", "http://b.test"], count: 100)
            let claimed = try await withThrowingTaskGroup(of: [ClaimedDelivery].self) { group in
                for _ in 0..<8 {
                    group.addTask {
                        var mine: [ClaimedDelivery] = []
                        while true {
                            let more = try await claim(fixture, limit: 7)
                            if more.isEmpty { return mine }
                            mine += more
                        }
                    }
                }
                return try await group.reduce(into: []) { $0 += $1 }
            }
            // A claimant may find the rest locked by rivals and give up; what is claimed is claimed once.
            #expect(Set(claimed.map(\.id)).count == claimed.count)
            let rest = try await claim(fixture, limit: 500, perReceiver: 500)
            #expect(claimed.count + rest.count == 200)
            #expect(try await claim(fixture).isEmpty)
            #expect(claimed.allSatisfy { $0.attempt == 1 && $0.round == 1 && $0.event == .started })
        }
    }

    @Test func oneReceiversBacklogIsNotInTheWayOfTheOthers() async throws {
        try await StoreFixture.with { fixture in
            try await fill(fixture, ["http://slow.test"], count: 500)
            try await fill(fixture, ["http://a.test", "http://b.test:81", "https://b.test"], count: 3)
            let claimed = try await claim(fixture, limit: 64, perReceiver: 4)
            let counts = Dictionary(grouping: claimed, by: \.url.origin).mapValues(\.count)
            #expect(
                counts == [
                    "http://slow.test": 4, "http://a.test": 3, "http://b.test:81": 3, "https://b.test": 3,
                ])
            // With those under way a receiver has no more than its share.
            #expect(try await claim(fixture, perReceiver: 4, active: ["http://slow.test": 4]).isEmpty)
            #expect(try await claim(fixture, perReceiver: 4, active: ["http://slow.test": 3]).count == 1)
            #expect(try await claim(fixture, limit: 0).isEmpty)
        }
    }

    @Test func aClaimThatLapsedIsAnothersAndItsOwnerWritesNothing() async throws {
        try await StoreFixture.with { fixture in
            try await fill(fixture, ["http://a.test"], count: 1)
            let frozen = try #require(try await claim(fixture, for: .milliseconds(1)).first)
            try await TestPostgres.loop.sleep(for: .milliseconds(5))
            let second = try #require(try await claim(fixture).first)
            #expect(second.id == frozen.id && second.attempt == 2)
            let late = DeliveryOutcome(result: .failed, httpStatus: 404, error: .http(404), seconds: 1)
            try await fixture.store.settle(frozen, late)
            try await fixture.store.release(frozen)
            #expect(try await row(second, fixture).state == .pending)
            #expect(try await claim(fixture).isEmpty)
            try await fixture.store.settle(
                second, DeliveryOutcome(result: .delivered, httpStatus: 204, seconds: 0.25))
            try await fixture.store.settle(frozen, late)
            let row = try await row(second, fixture)
            #expect(row.state == .delivered && row.httpStatus == 204 && row.error == nil)
            #expect(row.attempts == 2 && row.seconds == 0.25)
            #expect(row.deliveredAt != nil && row.attemptedAt != nil && row.nextAttemptAt == nil)
        }
    }

    @Test func aRetryIsDueWhenItsPauseHasPassed() async throws {
        try await StoreFixture.with { fixture in
            try await fill(fixture, ["http://a.test"], count: 1)
            let first = try #require(try await claim(fixture).first)
            let outcome = DeliveryOutcome(
                result: .retry(after: .seconds(3600)), httpStatus: 503, error: .http(503), seconds: 1)
            try await fixture.store.settle(first, outcome)
            #expect(try await claim(fixture).isEmpty)
            let row = try await row(first, fixture)
            #expect(row.state == .pending && row.error == "http_503" && row.attempts == 1)
            let wait = try #require(row.nextAttemptAt).timeIntervalSinceNow
            #expect((3590...3610).contains(wait))
            try await makeDue(fixture)
            let second = try #require(try await claim(fixture).first)
            #expect(second.id == first.id && second.attempt == 2 && second.round == 2)
        }
    }

    @Test func anAttemptBrokenOffDoesNotCount() async throws {
        try await StoreFixture.with { fixture in
            try await fill(fixture, ["http://a.test"], count: 1)
            let first = try #require(try await claim(fixture).first)
            try await fixture.store.release(first)
            try await fixture.store.release(first)
            let second = try #require(try await claim(fixture).first)
            #expect(second.round == 1 && second.attempt == 2)
        }
    }

    @Test func aDeliveryAskedForAgainHasAllItsAttemptsBeforeItAndItsId() async throws {
        try await StoreFixture.with { fixture in
            try await fill(fixture, ["http://a.test"], count: 1)
            let first = try #require(try await claim(fixture).first)
            try await fixture.store.settle(
                first, DeliveryOutcome(result: .failed, httpStatus: 404, error: .http(404), seconds: 1))
            #expect(try await row(first, fixture).state == .failed)
            for _ in 0..<3 {
                let again = try #require(
                    try await fixture.store.redeliver(first.id, of: first.job, owner: "alice"))
                #expect(again.state == .pending && again.id == first.id && again.attempts == 1)
            }
            let second = try #require(try await claim(fixture).first)
            #expect(second.id == first.id && second.round == 1 && second.attempt == 2)
            // Under way: it is not sent twice at once.
            #expect(try await fixture.store.redeliver(first.id, of: first.job, owner: nil) != nil)
            #expect(try await claim(fixture).isEmpty)
            try await fixture.store.settle(second, DeliveryOutcome(result: .delivered, seconds: 1))
            let third = try await fixture.store.redeliver(first.id, of: first.job, owner: nil)
            #expect(third?.state == .pending && third?.deliveredAt == nil)
        }
    }

    @Test func nobodyElseMayAskForADelivery() async throws {
        try await StoreFixture.with { fixture in
            try await fill(fixture, ["http://a.test", "http://b.test"], count: 1)
            let claimed = try await claim(fixture)
            #expect(claimed.count == 2)
            let (id, job, other) = (claimed[0].id, claimed[0].job, claimed[1].job)
            #expect(try await fixture.store.redeliver(id, of: job, owner: "bob") == nil)
            #expect(try await fixture.store.redeliver(id, of: other, owner: nil) == nil)
            #expect(try await fixture.store.redeliver(UUID(), of: job, owner: nil) == nil)
        }
    }

    @Test func aBacklogOfAHundredThousandIsNotReadForAClaim() async throws {
        try await StoreFixture.with { fixture in
            try await fill(fixture, ["http://down.test"], count: 100_000)
            try await fill(fixture, ["http://up.test"], count: 1)
            let started = ContinuousClock.now
            for _ in 0..<20 {
                let claimed = try await claim(
                    fixture, limit: 8, perReceiver: 4, active: ["http://down.test": 4])
                for delivery in claimed { try await fixture.store.release(delivery) }
                #expect(claimed.map(\.url.origin) == ["http://up.test"])
            }
            let each = (ContinuousClock.now - started) / 20
            #expect(each < .milliseconds(50), "\(each) a claim; reading the backlog takes more")
        }
    }
}
