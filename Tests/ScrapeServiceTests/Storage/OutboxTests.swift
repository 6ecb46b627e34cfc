import Foundation
import Testing

@testable import ScrapeService

/// Rows of the outbox come from the transactions that change a job, and go with it.
@Suite struct OutboxTests {
    private let hook = Webhook(
        url: WebURL(canonical: "http://hook.test/in"), events: WebhookEvent.allCases,
        secret: WebhookSecret(text: "s3cret-of-the-hook"))
    private let completed = JobEnd(reason: .finished)

    /// Accepts a job of one page with a webhook.
    private func accept(_ fixture: StoreFixture, _ webhook: Webhook? = nil) async throws -> JobID {
        let job = StoreFixture.makeJob(webhook: webhook ?? hook)
        _ = try await fixture.store.accept(job)
        return job.id
    }

    private func claim(_ fixture: StoreFixture) async throws -> JobLease {
        try #require(try await fixture.store.claim(for: fixture.makeReplica()))
    }

    private func settleAll(_ lease: JobLease, _ fixture: StoreFixture) async throws {
        let pages = try await fixture.store.frontier(lease, after: 0, limit: 10)
        _ = try await fixture.store.settle(lease, pages.map { .fetched($0) }, gauges: JobGauges())
    }

    private func log(_ id: JobID, _ fixture: StoreFixture) async throws -> [Delivery] {
        try await fixture.store.deliveries(of: id, after: Position(), limit: 100).elements
    }

    private func events(_ id: JobID, _ fixture: StoreFixture) async throws -> [WebhookEvent] {
        try await log(id, fixture).map(\.event)
    }

    private func execute(_ sql: String, _ id: JobID, _ fixture: StoreFixture) async throws {
        _ = try await fixture.store.pool.query(sql, [.uuid(id.uuid)])
    }

    @Test func aClaimTellsOfTheStartAndAnEndOfTheEnd() async throws {
        try await StoreFixture.with { fixture in
            let id = try await accept(fixture)
            #expect(try await events(id, fixture).isEmpty)
            let first = try await claim(fixture)
            #expect(try await events(id, fixture) == [.started])
            // Taken over by another replica, the job does not start again.
            try await fixture.store.release(first)
            let lease = try await claim(fixture)
            #expect(try await events(id, fixture) == [.started])
            try await settleAll(lease, fixture)
            #expect(try await fixture.store.finish(lease, completed))
            _ = try await fixture.store.finish(lease, completed)  // repeated after a lost answer
            let log = try await log(id, fixture)
            #expect(log.map(\.event) == [.started, .completed])
            #expect(log.allSatisfy { $0.state == .pending && $0.attempts == 0 && $0.nextAttemptAt != nil })
            #expect(Set(log.map(\.id)).count == 2)
        }
    }

    @Test func aCancelledJobTellsOfItOnceItIsOver() async throws {
        try await StoreFixture.with { fixture in
            let id = try await accept(fixture)
            _ = try await fixture.store.cancel(id, owner: nil)
            #expect(try await events(id, fixture).isEmpty)
            let lease = try await claim(fixture)
            let end = JobEnd(reason: .cancelled)
            #expect(try await fixture.store.finish(lease, end))
            #expect(try await events(id, fixture) == [.cancelled])
        }
    }

    @Test func aPauseAndWhatFollowsItAreTold() async throws {
        try await StoreFixture.with { fixture in
            let id = try await accept(fixture)
            _ = try await claim(fixture)
            _ = try await fixture.store.act(.pause, on: id, owner: nil)
            _ = try await fixture.store.act(.resume, on: id, owner: nil)
            // What changes no state is no event.
            try await execute("update job set revision = revision + 1 where id = $1", id, fixture)
            #expect(try await events(id, fixture) == [.started, .paused, .resumed])
        }
    }

    @Test func aJobPausedBeforeItsStartStartsAfterwards() async throws {
        try await StoreFixture.with { fixture in
            let id = try await accept(fixture)
            _ = try await fixture.store.act(.pause, on: id, owner: nil)
            _ = try await fixture.store.act(.resume, on: id, owner: nil)
            _ = try await claim(fixture)
            #expect(try await events(id, fixture) == [.paused, .resumed, .started])
        }
    }

    @Test func aJobThatGoesOnAfterItsEndEndsTwice() async throws {
        try await StoreFixture.with { fixture in
            let id = try await accept(fixture)
            let lease = try await claim(fixture)
            let page = try #require(try await fixture.store.frontier(lease, after: 0, limit: 1).first)
            _ = try await fixture.store.settle(lease, [.failed(page)], gauges: JobGauges())
            _ = try await fixture.store.finish(lease, completed)
            _ = try await fixture.store.act(.retryFailed, on: id, owner: nil)
            let again = try await claim(fixture)
            try await settleAll(again, fixture)
            _ = try await fixture.store.finish(again, completed)
            #expect(try await events(id, fixture) == [.started, .failed, .resumed, .completed])
        }
    }

    @Test func onlyWhatWasAskedForIsTold() async throws {
        try await StoreFixture.with { fixture in
            let id = try await accept(fixture, Webhook(url: hook.url))
            let silent = try await fixture.accept()
            for _ in 0..<2 {
                let lease = try await claim(fixture)
                try await settleAll(lease, fixture)
                _ = try await fixture.store.finish(lease, completed)
            }
            #expect(try await events(id, fixture) == [.completed])
            #expect(try await events(silent, fixture).isEmpty)
        }
    }

    @Test func whatIsRolledBackIsNotTold() async throws {
        try await StoreFixture.with { fixture in
            let id = try await accept(fixture)
            let key = try await fixture.number("select key from job where id = $1", [.uuid(id.uuid)])
            struct Undone: Error {}
            await #expect(throws: Undone.self) {
                try await fixture.store.pool.withConnection { connection in
                    try await connection.transaction { connection in
                        _ = try await connection.query(
                            "update job set state = 'paused' where key = $1", [.int(key)])
                        let inside = try await connection.query("select count(*) from delivery")
                        var row = try #require(inside.first)
                        #expect(try row.next(Int.self) == 1)
                        throw Undone()
                    }
                }
            }
            #expect(try await events(id, fixture).isEmpty)
        }
    }

    @Test func theSecretIsKeptWhereItSignsAndNowhereElse() async throws {
        try await StoreFixture.with { fixture in
            let id = try await accept(fixture)
            _ = try await claim(fixture)
            #expect(
                try await fixture.number("select count(*) from job where spec::text like '%s3cret%'") == 0)
            #expect(try await fixture.store.spec(of: id, owner: nil)?.webhook?.secret == nil)
            #expect(try await fixture.store.spec(of: id, owner: nil)?.webhook?.url == hook.url)
            let claimed = try await fixture.store.claimDeliveries(
                limit: 1, perReceiver: 1, active: [:], for: .seconds(20))
            #expect(claimed.first?.secret?.text == "s3cret-of-the-hook")
        }
    }

    @Test func aDeletedJobTakesItsDeliveriesAlong() async throws {
        try await StoreFixture.with { fixture in
            let id = try await accept(fixture)
            let lease = try await claim(fixture)
            try await settleAll(lease, fixture)
            _ = try await fixture.store.finish(lease, completed)
            let claimed = try await fixture.store.claimDeliveries(
                limit: 9, perReceiver: 9, active: [:], for: .seconds(20))
            #expect(claimed.count == 2)
            guard case .deleted = try await fixture.store.delete(id, owner: nil) else {
                Issue.record("not deleted")
                return
            }
            #expect(try await fixture.number("select count(*) from delivery") == 0)
            #expect(try await fixture.number("select count(*) from webhook") == 0)
            // What was under way finds nothing to write.
            try await fixture.store.settle(claimed[0], DeliveryOutcome(result: .delivered, seconds: 1))
            try await fixture.store.release(claimed[1])
            #expect(try await fixture.store.redeliver(claimed[0].id, of: id, owner: nil) == nil)
        }
    }

    @Test func aJobBeingDeletedIsNotTold() async throws {
        try await StoreFixture.with { fixture in
            let id = try await accept(fixture)
            _ = try await claim(fixture)
            try await execute("update job set deleted_at = clock_timestamp() where id = $1", id, fixture)
            let claimed = try await fixture.store.claimDeliveries(
                limit: 9, perReceiver: 9, active: [:], for: .seconds(20))
            #expect(claimed.isEmpty)
        }
    }

    @Test func theLogIsWalkedInTheOrderOfTheEventsEachOnce() async throws {
        try await StoreFixture.with { fixture in
            let id = try await accept(fixture)
            _ = try await claim(fixture)
            for _ in 0..<6 {
                try await execute("update job set state = 'paused' where id = $1", id, fixture)
                try await execute("update job set state = 'running' where id = $1", id, fixture)
            }
            let whole = try await log(id, fixture).map(\.id)
            #expect(whole.count == 13)
            var walked: [UUID] = []
            var position = Position()
            while true {
                let slice = try await fixture.store.deliveries(of: id, after: position, limit: 5)
                walked += slice.elements.map(\.id)
                position = slice.position
                if !slice.hasMore { break }
            }
            #expect(walked == whole)
        }
    }
}
