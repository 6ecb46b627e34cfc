import Foundation
import HTTPCore
import Testing

@testable import ScrapeService

@Suite struct PostgresPoolTests {
    private func with(
        maxConnections: Int = 2, acquireTimeout: Duration = .seconds(20), database: String? = nil,
        _ body: @Sendable (PostgresPool) async throws -> Void
    ) async throws {
        var limits = PostgresPoolLimits()
        limits.maxConnections = maxConnections
        limits.acquireTimeout = acquireTimeout
        let string = database ?? TestPostgres.shared.connectionString()
        let pool = PostgresPool(
            PostgresConfiguration(connectionString: string), limits: limits, on: TestPostgres.loop,
            logger: TestPostgres.logger)
        do {
            try await body(pool)
        } catch {
            await pool.close()
            throw error
        }
        await pool.close()
    }

    private func backend(_ pool: PostgresPool) async throws -> Int {
        let result = try await pool.query("select pg_backend_pid()")
        var row = try #require(result.first)
        return try row.next()
    }

    /// Returns once the pool is as `condition` asks.
    private func wait(_ pool: PostgresPool, _ condition: (PostgresPool.Counts) -> Bool) async throws {
        for _ in 0..<1000 {
            if condition(await pool.counts) { return }
            try await TestPostgres.loop.sleep(for: .milliseconds(5))
        }
        Issue.record("the pool stays at \(await pool.counts)")
    }

    @Test func itNeverOpensMoreThanItsLimitAndServesEverybody() async throws {
        try await with(maxConnections: 3) { pool in
            let backends = try await withThrowingTaskGroup(of: Int.self) { group in
                for _ in 0..<50 {
                    group.addTask {
                        try await pool.withConnection { connection in
                            try await connection.run("select pg_sleep(0.002)")
                            return Int(await connection.backendID ?? 0)
                        }
                    }
                }
                return try await group.reduce(into: Set()) { $0.insert($1) }
            }
            #expect(backends.count <= 3)
            #expect(await pool.counts.leased == 0)
            #expect(await pool.counts.idle == backends.count)
        }
    }

    @Test func connectionsAreReused() async throws {
        try await with { pool in
            let first = try await backend(pool)
            let second = try await backend(pool)
            #expect(first == second)
        }
    }

    @Test func whoWaitsIsServedInTheOrderOfComing() async throws {
        try await with(maxConnections: 1) { pool in
            let order = OrderRecorder()
            let tasks = try await pool.withConnection { _ in
                var tasks: [Task<Void, any Error>] = []
                for number in 0..<10 {
                    tasks.append(Task { try await pool.withConnection { _ in await order.append(number) } })
                    try await self.wait(pool) { $0.waiting == number + 1 }
                }
                return tasks
            }
            for task in tasks { try await task.value }
            #expect(await order.numbers == Array(0..<10))
        }
    }

    @Test func aCancelledWaiterLeavesNothingBehind() async throws {
        try await with(maxConnections: 1) { pool in
            let waiter = try await pool.withConnection { _ in
                let waiter = Task { try await pool.query("select 1") }
                try await self.wait(pool) { $0.waiting == 1 }
                waiter.cancel()
                try await self.wait(pool) { $0.waiting == 0 }
                return waiter
            }
            await #expect(throws: PostgresError.self) { try await waiter.value }
            _ = try await backend(pool)
            #expect(await pool.counts == PostgresPool.Counts(idle: 1, leased: 0, opening: 0, waiting: 0))
        }
    }

    @Test func manyCancelledTasksLeakNoConnection() async throws {
        try await with(maxConnections: 3) { pool in
            await withTaskGroup(of: Void.self) { group in
                for _ in 0..<200 {
                    group.addTask {
                        _ = try? await pool.withConnection {
                            try await $0.run("begin; select pg_sleep(0.001)")
                        }
                    }
                }
                try? await TestPostgres.loop.sleep(for: .milliseconds(30))
                group.cancelAll()
            }
            try await wait(pool) { $0.leased == 0 && $0.waiting == 0 && $0.opening == 0 }
            #expect(await pool.counts.idle <= 3)
            _ = try await backend(pool)
        }
    }

    @Test func aWaitBeyondTheTimeOutFails() async throws {
        try await with(maxConnections: 1) { pool in
            try await pool.withConnection { _ in
                do {
                    _ = try await pool.withConnection(acquireTimeout: .milliseconds(100)) { _ in }
                    Issue.record("served")
                } catch let error as PostgresError {
                    #expect(error.kind == .poolExhausted)
                }
            }
            _ = try await backend(pool)
        }
    }

    @Test func anOpenTransactionIsRolledBackBeforeTheNextOneGetsTheConnection() async throws {
        try await with(maxConnections: 1, database: try await TestPostgres.shared.makeDatabase()) { pool in
            try await pool.withConnection { try await $0.run("create table t (x int)") }
            let first = try await backend(pool)
            try await pool.withConnection { try await $0.run("begin; insert into t values (1)") }
            struct Failure: Error {}
            await #expect(throws: Failure.self) {
                try await pool.withConnection { connection in
                    try await connection.run("begin; insert into t values (2)")
                    _ = try? await connection.query("select 1 / 0")
                    throw Failure()
                }
            }
            let left = try await pool.query("select * from t")
            #expect(left.isEmpty)
            let second = try await backend(pool)
            #expect(first == second, "the connection is kept")
        }
    }

    @Test func aConnectionThatDiesWhileIdleIsReplaced() async throws {
        try await with { pool in
            let dead = try await backend(pool)
            try await TestPostgres.shared.administer { connection in
                _ = try await connection.query("select pg_terminate_backend($1)", [.integer(dead)])
            }
            let alive = try await backend(pool)
            #expect(dead != alive)
        }
    }

    @Test func aStatementWhoseConnectionDiesRunsOnceMoreElsewhere() async throws {
        try await with { pool in
            // The first run kills its own session: exactly what an idempotent statement must survive.
            let victim = try await backend(pool)
            let result = try await pool.query(
                """
                select case when pg_backend_pid() = $1
                    then (select 1 from (select pg_terminate_backend($1), pg_sleep(5)) k) else 7 end
                """, [.integer(victim)])
            var row = try #require(result.first)
            let answer: Int = try row.next()
            #expect(answer == 7)
        }
    }

    @Test func aServerThatIsNotThereIsUnavailableAfterTheTimeOut() async throws {
        try await with(acquireTimeout: .milliseconds(300), database: "host=/nowhere user=postgres") { pool in
            let start = ContinuousClock.now
            do {
                _ = try await pool.query("select 1")
                Issue.record("served")
            } catch let error as PostgresError {
                #expect(error.kind == .connectFailed)
                #expect(error.message.contains("/nowhere"))
            }
            #expect(ContinuousClock.now - start < .seconds(5))
        }
    }

    @Test func whileNoServerAnswersNobodyWaitsLong() async throws {
        try await with(acquireTimeout: .seconds(60), database: "host=/nowhere user=postgres") { pool in
            for _ in 0..<2 {
                let start = ContinuousClock.now
                await #expect(throws: PostgresError.self) { try await pool.query("select 1") }
                #expect(ContinuousClock.now - start < .seconds(2.5))
            }
        }
    }

    @Test func whoWaitsForALentConnectionWaitsItsTimeThoughNoOtherCanBeOpened() async throws {
        let database = try await TestPostgres.shared.makeDatabase()
        try await TestPostgres.shared.administer { connection in
            let name = try #require(database.split(separator: "=").last)
            try await connection.run("create role narrow login; alter database \(name) connection limit 1")
        }
        let narrow = database.replacing("user=postgres", with: "user=narrow")
        try await with(maxConnections: 2, acquireTimeout: .seconds(20), database: narrow) { pool in
            let waiter = try await pool.withConnection { _ in
                let waiter = Task { try await pool.query("select 1") }
                try await TestPostgres.loop.sleep(for: .seconds(2))
                return waiter
            }
            #expect(try await waiter.value.rowCount == 1)
        }
    }

    @Test func anAbandonedPoolEndsWhatIsUnderWay() async throws {
        try await with { pool in
            let work = Task { try await pool.withConnection { try await $0.run("select pg_sleep(30)") } }
            try await wait(pool) { $0.leased == 1 }
            let start = ContinuousClock.now
            await pool.abandon()
            await #expect(throws: PostgresError.self) { try await work.value }
            await pool.close()
            #expect(ContinuousClock.now - start < .seconds(5))
        }
    }

    @Test func aSessionThatTakesNoWritesIsReplaced() async throws {
        try await with(maxConnections: 1, database: try await TestPostgres.shared.makeDatabase()) { pool in
            let first = try await backend(pool)
            do {
                try await pool.withConnection { connection in
                    try await connection.run("set default_transaction_read_only = on")
                    try await connection.run("create table t (x int)")
                }
                Issue.record("written")
            } catch let error as PostgresError {
                #expect(error.sqlState == "25006" && error.isConnectionLoss)
            }
            let second = try await backend(pool)
            #expect(first != second)
        }
    }

    @Test func closingTwiceIsFineAndRefusesNewWork() async throws {
        try await with { pool in
            _ = try await backend(pool)
            await pool.close()
            await pool.close()
            await #expect(throws: PostgresError.self) { try await pool.query("select 1") }
        }
    }

    @Test func closingWaitsForWhatIsLent() async throws {
        try await with { pool in
            let work = Task {
                try await pool.withConnection { connection in
                    try await connection.run("select pg_sleep(0.2)")
                    return try await connection.query("select 1").rowCount
                }
            }
            try await wait(pool) { $0.leased == 1 }
            await pool.close()
            let rows = try await work.value
            #expect(rows == 1)
        }
    }

    @Test func backOffDoublesUpToItsLimitWithJitter() {
        var backoff = Backoff(first: .milliseconds(50), last: .seconds(2))
        let pauses = (0..<20).map { _ in backoff.next() }
        for (index, pause) in pauses.enumerated() {
            let full = min(Duration.milliseconds(50) * (1 << index), .seconds(2))
            #expect(pause >= full / 2 && pause <= full)
        }
        backoff.reset()
        #expect(backoff.next() <= .milliseconds(50))
    }
}

private actor OrderRecorder {
    private(set) var numbers: [Int] = []
    func append(_ number: Int) { numbers.append(number) }
}
