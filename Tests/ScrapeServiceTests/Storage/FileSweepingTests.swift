import Foundation
import Synchronization
import Testing

@testable import ScrapeService

/// Same bytes are stored once, and go when nobody needs them, whatever happens at the same time.
@Suite struct FileSweepingTests {
    private static let long = [UInt8].pattern(FilePieces.bytes + 1000)

    @Test func theSameBytesOfTwoJobsAreStoredOnce() async throws {
        try await StoreFixture.with { fixture in
            let first = try await fixture.makeLease(pages: 2)
            let pages = try await fixture.pages(first)
            let id = try await fixture.upload(Self.long, first, pages[0])
            try await fixture.settle(
                first, .saved(pages[0], .uploaded(Self.long, id)), .saved(pages[1], .whole("klein")))
            let second = try await fixture.makeLease(pages: 3)
            let others = try await fixture.pages(second)
            let again = try await fixture.upload(Self.long, second, others[0])
            try await fixture.settle(
                second, .saved(others[0], .uploaded(Self.long, again)), .saved(others[1], .whole("klein")),
                .saved(others[2], .whole("klein")))
            try await fixture.sweepAll()
            #expect(try await fixture.leftovers() == ["piece": 3, "blob": 2, "file": 5])
            for lease in [first, second] {
                let entry = try #require(try await fixture.files(lease).first)
                #expect(try await fixture.content(entry, of: lease) == Self.long)
            }
        }
    }

    @Test func aDeletedJobTakesItsFilesAndLeavesWhatOthersNeed() async throws {
        try await StoreFixture.with { fixture in
            let (first, second) = (
                try await fixture.makeJob(saving: Self.long), try await fixture.makeJob(saving: Self.long)
            )
            let third = try await fixture.makeJob(saving: [1, 2, 3])
            for lease in [first, third] {
                guard case .deleted = try await fixture.store.delete(lease.job, owner: nil) else {
                    Issue.record("not deleted")
                    return
                }
                #expect(try await fixture.number("select count(*) from file where job = \(lease.key)") == 0)
            }
            while try await fixture.store.sweep() {}
            #expect(try await fixture.leftovers() == ["piece": 2, "blob": 1, "file": 1])
            let entry = try #require(try await fixture.files(second).first)
            #expect(try await fixture.content(entry, of: second) == Self.long)
            _ = try await fixture.store.delete(second.job, owner: nil)
            while try await fixture.store.sweep() {}
            #expect(try await fixture.leftovers().isEmpty)
        }
    }

    @Test func anExpiredJobTakesItsFiles() async throws {
        try await StoreFixture.with { fixture in
            var storage = StorageConfiguration(databaseURL: fixture.database)
            storage.retainDays = 30
            let store = PostgresStore(storage, on: TestPostgres.loop, logger: TestPostgres.logger)
            let old = try await fixture.makeJob(saving: Self.long)
            let young = try await fixture.makeJob(saving: [1])
            _ = try await store.query(
                """
                update job set bucket = bucket - 40, created_at = created_at - interval '40 days',
                    started_at = started_at - interval '40 days', finished_at = finished_at - interval '40 days'
                where key = $1
                """, [.int(old.key)])
            try await store.expireJobs()
            while try await store.sweep() {}
            await store.close()
            #expect(try await fixture.leftovers() == ["piece": 1, "blob": 1, "file": 1])
            #expect(try await fixture.files(young).count == 1)
        }
    }

    @Test func uploadsOfPagesThatAreInNoQueueGo() async throws {
        try await StoreFixture.with { fixture in
            let lease = try await fixture.makeLease(pages: 4)
            let pages = try await fixture.pages(lease)
            for page in pages { _ = try await fixture.upload(Self.long, lease, page) }
            // Failed; fetched with another body after all; skipped with the job; still to come.
            try await fixture.settle(lease, .failed(pages[0]), .saved(pages[1], .whole("anders")))
            try await fixture.sweepAll()
            #expect(try await fixture.leftovers() == ["upload": 2, "piece": 5, "blob": 1, "file": 1])
            #expect(try await fixture.store.finish(lease, JobEnd(reason: .cancelled)))
            try await fixture.sweepAll()
            #expect(try await fixture.leftovers() == ["piece": 1, "blob": 1, "file": 1])
        }
    }

    @Test func muchIsSweptALittleAtATime() async throws {
        try await StoreFixture.with { fixture in
            let lease = try await fixture.makeLease(pages: 3)
            let pages = try await fixture.pages(lease)
            for page in pages { _ = try await fixture.upload(.pattern(5 * FilePieces.bytes), lease, page) }
            #expect(try await fixture.store.finish(lease, JobEnd(reason: .cancelled)))
            #expect(try await fixture.number("select sweep_uploads(2)") == 2)
            #expect(try await fixture.number("select sweep_uploads(2)") == 1)
            var left = 15
            while left > 0 {
                _ = try await fixture.number("select sweep_pieces(4)")
                let now = try await fixture.number("select count(*) from piece")
                #expect(now < left && now >= left - 4)
                left = now
            }
            try await fixture.sweepAll()
            #expect(try await fixture.leftovers().isEmpty)
        }
    }

    @Test(arguments: [true, false])
    func aBlobIsKeptWhileASettlementIsJustReferringToIt(_ commits: Bool) async throws {
        try await StoreFixture.with(maxConnections: 6) { fixture in
            let old = try await fixture.makeJob(saving: Self.long)
            let lease = try await fixture.makeLease()
            _ = try await fixture.store.delete(old.job, owner: nil)
            try await fixture.store.pool.withConnection { connection in
                try await connection.run("begin")
                _ = try await connection.query(
                    """
                    insert into file (job, number, page_id, blob, final_url)
                    select $1, 1, 1, keep_blob($2, $3, null, null), 'http://site.test/'
                    """, [.int(lease.key), .bytes(Self.long.digest), .int(Self.long.count)])
                try await fixture.sweepAll()
                #expect(try await fixture.number("select count(*) from blob") == 1)
                try await connection.run(commits ? "commit" : "rollback")
            }
            try await fixture.sweepAll()
            let left = commits ? ["piece": 2, "blob": 1, "file": 1] : [:]
            #expect(try await fixture.leftovers() == left)
        }
    }

    @Test func aSettlementThatMeetsTheSweeperStoresTheBytesAnew() async throws {
        try await StoreFixture.with(maxConnections: 6) { fixture in
            let old = try await fixture.makeJob(saving: Self.long)
            let lease = try await fixture.makeLease()
            let page = try await fixture.pages(lease)[0]
            let id = try await fixture.upload(Self.long, lease, page)
            _ = try await fixture.store.delete(old.job, owner: nil)
            try await fixture.store.pool.withConnection { connection in
                try await connection.run("begin")
                let swept = try await connection.query("select sweep_blobs(10)")
                var row = try #require(swept.first)
                #expect(try row.next() == 1)
                async let settling: Void = fixture.settle(lease, .saved(page, .uploaded(Self.long, id)))
                try await fixture.waitForLockWaiter()
                try await connection.run("commit")
                try await settling
            }
            try await fixture.sweepAll()
            #expect(try await fixture.leftovers() == ["piece": 2, "blob": 1, "file": 1])
            let entry = try #require(try await fixture.files(lease).first)
            #expect(try await fixture.content(entry, of: lease) == Self.long)
        }
    }

    @Test func jobsThatComeAndGoWithTheSameBytesLoseAndLeaveNothing() async throws {
        try await StoreFixture.with(maxConnections: 10) { fixture in
            let contents = (0..<4).map { [UInt8].pattern(1000 + $0 * 80_000, seed: UInt8($0)) }
            let isOver = Flag()
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<2 {
                    group.addTask {
                        while !isOver.value.load(ordering: .relaxed) {
                            _ = try await fixture.store.sweepFiles()
                        }
                    }
                }
                defer { isOver.value.store(true, ordering: .relaxed) }
                try await withThrowingTaskGroup(of: Void.self) { jobs in
                    for worker in 0..<5 {
                        jobs.addTask {
                            for round in 0..<12 {
                                try await Self.comeAndGo(fixture, contents, order: worker + round)
                            }
                        }
                    }
                    try await jobs.waitForAll()
                }
            }
            try await fixture.sweepAll()
            #expect(try await fixture.leftovers().isEmpty)
        }
    }

    private final class Flag: Sendable {
        let value = Atomic(false)
    }

    /// One job that saves all contents, in an order of its own, reads them back and is deleted.
    private static func comeAndGo(
        _ fixture: StoreFixture, _ contents: [[UInt8]], order: Int
    ) async throws {
        let job = StoreFixture.makeJob(urls: (0..<contents.count).map { "http://site.test/\($0)" })
        _ = try await fixture.store.accept(job)
        let replica = try await fixture.makeReplica(ttl: .seconds(300))
        // Whosever job it is: each has as many pages.
        guard let lease = try await fixture.store.claim(for: replica) else {
            throw StoreFixture.NothingClaimed()
        }
        let pages = try await fixture.pages(lease)
        let batch = pages.indices.map { index in
            PageSettlement.saved(pages[index], .whole(contents[(index + order) % contents.count]))
        }
        _ = try await fixture.store.settle(lease, batch, gauges: JobGauges())
        for (index, entry) in try await fixture.files(lease).enumerated() {
            #expect(
                try await fixture.content(entry, of: lease) == contents[(index + order) % contents.count])
        }
        _ = try await fixture.store.finish(lease, JobEnd(reason: .finished))
        _ = try await fixture.store.delete(lease.job, owner: nil)
    }
}
