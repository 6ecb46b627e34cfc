import Foundation
import Testing

@testable import ScrapeService

@Suite struct LeasingTests {
    @Test func whatAReplicaOwnsWithoutKnowingIsClaimedAnew() async throws {
        try await StoreFixture.with { fixture in
            let replica = try await fixture.makeReplica()
            _ = try await fixture.makeLease(pages: 1)
            try await fixture.store.pool.withConnection { connection in
                _ = try await connection.query("update shard set owner = $1", [.uuid(replica.uuid)])
            }
            #expect(try await fixture.store.claim(for: replica) == nil)
            let lease = try #require(try await fixture.store.claim(for: replica, holding: []))
            let held = ShardReference(key: lease.key, shard: lease.shard)
            #expect(try await fixture.store.claim(for: replica, holding: [held]) == nil)
        }
    }

    @Test func aClaimStartsTheOldestJobAndNobodyElseGetsIt() async throws {
        try await StoreFixture.with { fixture in
            let replica = try await fixture.makeReplica()
            #expect(try await fixture.store.claim(for: replica) == nil)
            let first = try await fixture.accept(pages: 2)
            let second = try await fixture.accept()
            let lease = try #require(try await fixture.store.claim(for: replica))
            #expect(lease.job == first)
            #expect(lease.state == .running)
            #expect(lease.counters == JobCounters(discovered: 2))
            #expect(lease.spec.name == "motoren")
            #expect(lease.elapsed >= .zero && lease.elapsed < .seconds(5))
            #expect(try await fixture.store.claim(for: fixture.makeReplica())?.job == second)
            #expect(try await fixture.store.claim(for: replica) == nil)
            let snapshot = try await fixture.store.snapshot(of: first, owner: nil)
            #expect(snapshot?.state == .running)
            #expect(snapshot?.startedAt != nil)
        }
    }

    @Test func manyReplicasClaimEachJobOnce() async throws {
        try await StoreFixture.with(maxConnections: 12) { fixture in
            for _ in 0..<20 { try await fixture.accept() }
            let claimed = try await withThrowingTaskGroup(of: [Int64].self) { group in
                for _ in 0..<10 {
                    group.addTask {
                        let replica = try await fixture.makeReplica()
                        var keys: [Int64] = []
                        while let lease = try await fixture.store.claim(for: replica) {
                            keys.append(lease.key)
                        }
                        return keys
                    }
                }
                return try await group.reduce(into: []) { $0 += $1 }
            }
            #expect(claimed.count == 20)
            #expect(Set(claimed).count == 20)
            #expect(try await fixture.number("select count(*) from shard where epoch = 1") == 20)
        }
    }

    @Test func anExpiredReplicaLosesItsLeasesAndItsPlace() async throws {
        try await StoreFixture.with { fixture in
            try await fixture.accept()
            let dying = try await fixture.makeReplica(ttl: .zero)
            let old = try #require(try await fixture.store.claim(for: fixture.makeReplica(ttl: .seconds(30))))
            _ = try await fixture.store.release(old)
            _ = try await fixture.store.pool.query(
                "update replica set expires_at = clock_timestamp() - interval '1 second' where id <> $1",
                [.uuid(dying.uuid)])
            let heir = try await fixture.makeReplica()
            let lease = try #require(try await fixture.store.claim(for: heir))
            #expect(lease.epoch == old.epoch + 1)
            // Pruned by the claim: its heartbeat says so, and does not bring it back.
            #expect(try await fixture.store.heartbeat(dying, ttl: .seconds(30)) == nil)
            #expect(try await fixture.number("select count(*) from replica") == 1)
            #expect(try await fixture.store.heartbeat(heir, ttl: .seconds(30)) == 1)
        }
    }

    @Test func theFormerOwnerOfATakenLeaseWritesNothing() async throws {
        try await StoreFixture.with { fixture in
            let zombie = try await fixture.makeLease(pages: 1)
            let page = try #require(try await fixture.store.frontier(zombie, after: 0, limit: 1).first)
            _ = try await fixture.store.pool.query("update replica set expires_at = '-infinity'")
            let heir = try await fixture.makeReplica()
            let lease = try #require(try await fixture.store.claim(for: heir))
            #expect(lease.key == zombie.key)
            let late = try await fixture.store.settle(
                zombie, [.fetched(page, items: ["{}"])], gauges: JobGauges(inFlight: 5))
            #expect(!late.leaseHeld)
            try await fixture.store.release(zombie)
            #expect(try await fixture.store.claim(for: fixture.makeReplica()) == nil)
            let settled = try await fixture.store.settle(
                lease, [.fetched(page, items: ["{}"])], gauges: JobGauges())
            #expect(settled.leaseHeld)
            #expect(try await fixture.countedRows(lease) == settled.counters)
        }
    }

    @Test func releaseAndRetireGiveLeasesBackAtOnce() async throws {
        try await StoreFixture.with { fixture in
            let lease = try await fixture.makeLease(pages: 1)
            try await fixture.store.release(lease)
            try await fixture.store.release(lease)
            let replica = try await fixture.makeReplica()
            #expect(try await fixture.store.claim(for: replica)?.epoch == lease.epoch + 1)
            try await fixture.store.retire(replica)
            try await fixture.store.retire(replica)
            #expect(try await fixture.store.claim(for: fixture.makeReplica())?.epoch == lease.epoch + 2)
        }
    }

    @Test func replicasOfDeadProcessesOfThisMachineArePruned() async throws {
        try await StoreFixture.with { fixture in
            let alive = try await fixture.makeReplica()
            let here = fixture.store.process
            try #require(here.place != nil)
            for (host, pid, start) in [
                (here.place ?? "", 999_999_999, 1), (here.place ?? "", here.pid, here.start + 1),
                ("elsewhere", 1, 1),
            ] {
                _ = try await fixture.store.pool.query(
                    """
                    insert into replica (id, host, pid, process_start, version, expires_at)
                    values (gen_random_uuid(), $1, $2, $3, '', clock_timestamp() + interval '1 hour')
                    """, [.text(host), .integer(pid), .int(start)])
            }
            try await fixture.store.pruneDeadReplicas()
            #expect(try await fixture.number("select count(*) from replica") == 2)
            #expect(try await fixture.number("select count(*) from replica where host = 'elsewhere'") == 1)
            #expect(try await fixture.store.heartbeat(alive, ttl: .seconds(30)) != nil)
        }
    }

    /// The planner knows nothing of a table that has just grown, and the wrong things of one that was empty
    /// when it was analysed.
    @Test(arguments: ["select 1", "analyze"])
    func theFrontierIsReadByIndexAloneWhateverTheStatistics(_ beforehand: String) async throws {
        try await StoreFixture.with { fixture in
            _ = try await fixture.store.pool.query(beforehand)
            let lease = try await fixture.makeLease(pages: 20_000)
            _ = try await fixture.store.pool.query(
                "update queue set attempt = 1, not_before = clock_timestamp() where page_id % 100 = 0")
            let reads = [
                "attempt = 0 and page_id > 1500 order by page_id limit 100": "queue_pkey",
                "attempt > 0 order by not_before limit 100": "queue_retry",
            ]
            for (rest, index) in reads {
                let plan = try await fixture.store.pool.query(
                    "explain select * from queue where job = \(lease.key) and shard = 0::smallint and \(rest)"
                )
                let text = try plan.rows.map { row in
                    var row = row
                    return try row.next(String.self)
                }.joined(separator: "\n")
                #expect(text.contains("Index Scan using \(index)"), "\(text)")
                #expect(!text.contains("Sort") && !text.contains("Seq Scan"), "\(text)")
            }
        }
    }
}
