import Foundation
import HTTPCore
import Testing

@testable import ScrapeService

@Suite struct AcceptingTests {
    private func key(_ key: String, _ byte: UInt8 = 1) -> NewJob.Idempotency {
        NewJob.Idempotency(key: key, fingerprint: [UInt8](repeating: byte, count: 32))
    }

    @Test func anAcceptedJobIsQueuedWithItsStartPages() async throws {
        try await StoreFixture.with { fixture in
            let job = StoreFixture.makeJob(urls: ["http://a.test/1", "http://a.test/2", "http://a.test/1"])
            guard case .created(let snapshot) = try await fixture.store.accept(job) else {
                Issue.record("not created")
                return
            }
            #expect(snapshot.id == job.id)
            #expect(snapshot.name == "motoren")
            #expect(snapshot.state == .queued)
            #expect(snapshot.counters == JobCounters(discovered: 2))
            #expect(snapshot.startedAt == nil && snapshot.finishedAt == nil && snapshot.stopReason == nil)
            #expect(abs(snapshot.createdAt.timeIntervalSinceNow) < 5)
            #expect(try await fixture.store.spec(of: job.id, owner: "alice") == job.spec)
            #expect(try await fixture.number("select count(*) from queue") == 2)
        }
    }

    @Test func aJobIsSeenByItsOwnerAndByTheOperatorOnly() async throws {
        try await StoreFixture.with { fixture in
            let id = try await fixture.accept(owner: "alice")
            #expect(try await fixture.store.snapshot(of: id, owner: "alice") != nil)
            #expect(try await fixture.store.snapshot(of: id, owner: nil) != nil)
            #expect(try await fixture.store.snapshot(of: id, owner: "bob") == nil)
            #expect(try await fixture.store.spec(of: id, owner: "bob") == nil)
            guard case .notFound = try await fixture.store.cancel(id, owner: "bob") else {
                Issue.record("bob cancelled alice's job")
                return
            }
            guard case .notFound = try await fixture.store.delete(id, owner: "bob") else {
                Issue.record("bob deleted alice's job")
                return
            }
        }
    }

    @Test func startPagesBeyondOneChunkAreAllThereOnceInTheirOrder() async throws {
        try await StoreFixture.with { fixture in
            let urls = (0..<12_000).map { "http://site.test/\($0 % 11_000)" }
            let job = StoreFixture.makeJob(urls: urls)
            guard case .created(let snapshot) = try await fixture.store.accept(job) else { return }
            #expect(snapshot.counters.discovered == 11_000)
            let inOrder = try await fixture.number(
                "select count(*) from queue where url = 'http://site.test/' || (page_id - 1)")
            #expect(inOrder == 11_000)
        }
    }

    @Test func theSameKeyWithTheSameBodyIsTheFirstAnswerAgain() async throws {
        try await StoreFixture.with { fixture in
            let first = StoreFixture.makeJob(key: key("k"))
            guard case .created = try await fixture.store.accept(first) else {
                Issue.record("not created")
                return
            }
            let second = StoreFixture.makeJob(key: key("k"))
            guard case .replayed(let snapshot) = try await fixture.store.accept(second) else {
                Issue.record("not replayed")
                return
            }
            #expect(snapshot.id == first.id)
            guard case .keyReused = try await fixture.store.accept(StoreFixture.makeJob(key: key("k", 2)))
            else {
                Issue.record("another body passed")
                return
            }
            // Keys are each owner's own.
            guard
                case .created = try await fixture.store.accept(
                    StoreFixture.makeJob(owner: "bob", key: key("k", 2)))
            else {
                Issue.record("bob was refused alice's key")
                return
            }
            #expect(try await fixture.number("select count(*) from job") == 2)
            #expect(try await fixture.number("select count(*) from queue") == 2)
        }
    }

    @Test func concurrentPostsWithOneKeyMakeOneJob() async throws {
        try await StoreFixture.with(maxConnections: 12) { fixture in
            let ids = try await withThrowingTaskGroup(of: (JobID, Bool).self) { group in
                for _ in 0..<30 {
                    let job = StoreFixture.makeJob(key: key("race"))
                    group.addTask {
                        switch try await fixture.store.accept(job) {
                        case .created(let snapshot): (snapshot.id, true)
                        case .replayed(let snapshot): (snapshot.id, false)
                        case .keyReused: throw StoreError.failed("reused")
                        }
                    }
                }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            #expect(Set(ids.map(\.0)).count == 1)
            #expect(ids.filter(\.1).count == 1)
            #expect(try await fixture.number("select count(*) from job") == 1)
            #expect(try await fixture.number("select count(*) from idempotency") == 1)
        }
    }

    @Test func acceptingTheSameIdAgainAfterALostAnswerIsTheSameJob() async throws {
        try await StoreFixture.with { fixture in
            let job = StoreFixture.makeJob(key: key("lost"))
            _ = try await fixture.store.accept(job)
            guard case .created(let snapshot) = try await fixture.store.accept(job) else {
                Issue.record("not created")
                return
            }
            #expect(snapshot.id == job.id)
            #expect(try await fixture.number("select count(*) from job") == 1)
        }
    }

    @Test func aKeyIsKeptForAtLeastADayAndForgottenAfterTheRetention() async throws {
        try await StoreFixture.with { fixture in
            let retention = fixture.store.configuration.idempotencyRetention
            #expect(retention >= .seconds(24 * 3600), "the contract's least")
            let hours = retention / .seconds(3600)
            for (name, age) in [
                ("fresh", 0.0), ("a day", 24.0), ("just kept", hours - 0.1), ("old", hours + 0.1),
            ] {
                _ = try await fixture.store.accept(StoreFixture.makeJob(key: key(name)))
                _ = try await fixture.store.pool.query(
                    """
                    update idempotency set created_at = clock_timestamp() - make_interval(secs => $2)
                    where key = $1
                    """, [.text(name), .double(age * 3600)])
            }
            await fixture.store.maintain()
            for name in ["fresh", "a day", "just kept"] {
                guard case .replayed = try await fixture.store.accept(StoreFixture.makeJob(key: key(name)))
                else {
                    Issue.record("\(name): the key was forgotten")
                    continue
                }
            }
            guard case .created = try await fixture.store.accept(StoreFixture.makeJob(key: key("old", 2)))
            else {
                Issue.record("the old key was kept")
                return
            }
            #expect(try await fixture.number("select count(*) from job") == 5)
        }
    }

    @Test func aNameWithNULIsKept() async throws {
        try await StoreFixture.with { fixture in
            let job = StoreFixture.makeJob(name: "mo\0toren \u{1F600}")
            guard case .created(let snapshot) = try await fixture.store.accept(job) else { return }
            #expect(snapshot.name == "mo\u{FFFD}toren \u{1F600}")
            #expect(try await fixture.store.spec(of: job.id, owner: nil)?.name == "mo\0toren \u{1F600}")
        }
    }

    @Test func theListIsNewestFirstAndFiltered() async throws {
        try await StoreFixture.with { fixture in
            var ids: [JobID] = []
            for number in 0..<5 {
                let job = StoreFixture.makeJob(owner: number == 4 ? "bob" : "alice", name: "n\(number % 2)")
                _ = try await fixture.store.accept(job)
                ids.append(job.id)
                // Ids of one millisecond are in no order.
                try await TestPostgres.loop.sleep(for: .milliseconds(3))
            }
            func list(
                _ filter: JobFilter = JobFilter(), owner: String? = "alice", after: JobID? = nil,
                limit: Int = 10
            ) async throws -> [JobID] {
                let position = after.map { JobListPosition(id: $0) }
                return try await fixture.store.jobs(filter, owner: owner, after: position, limit: limit).map(
                    \.id)
            }
            #expect(try await list() == [ids[3], ids[2], ids[1], ids[0]])
            #expect(try await list(owner: nil, limit: 2) == [ids[4], ids[3]])
            #expect(try await list(after: ids[2]) == [ids[1], ids[0]])
            #expect(try await list(JobFilter(name: "n1")) == [ids[3], ids[1]])
            #expect(try await list(JobFilter(state: .running)).isEmpty)
            #expect(try await list(JobFilter(state: .queued), limit: 1) == [ids[3]])
            #expect(try await list(JobFilter(createdAfter: Date() + 60)).isEmpty)
            #expect(try await list(JobFilter(createdAfter: Date() - 60)).count == 4)
        }
    }
}
