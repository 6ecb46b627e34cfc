import Foundation
import HTTPCore
import Logging
import Synchronization
import Testing

@testable import ScrapeService

@Suite struct PostgresConnectionTests {
    func makeConfiguration(_ string: String? = nil) -> PostgresConfiguration {
        PostgresConfiguration(connectionString: string ?? TestPostgres.shared.connectionString())
    }

    func with(
        _ configuration: PostgresConfiguration? = nil, logger: Logger = TestPostgres.logger,
        _ body: (PostgresConnection) async throws -> Void
    ) async throws {
        let connection = PostgresConnection(
            configuration ?? makeConfiguration(), on: TestPostgres.loop, logger: logger)
        try await connection.open()
        do {
            try await body(connection)
        } catch {
            await connection.close()
            throw error
        }
        await connection.close()
    }

    func number(
        _ connection: PostgresConnection, _ sql: String, _ arguments: PostgresArguments = []
    ) async throws -> Int {
        let result = try await connection.query(sql, arguments)
        var row = try #require(result.first)
        return try row.next()
    }

    /// The error that `body` throws, or nil.
    func failure<Value>(_ body: () async throws -> Value) async -> PostgresError? {
        do {
            _ = try await body()
            return nil
        } catch {
            return error as? PostgresError
        }
    }

    func terminate(_ backend: Int32) async throws {
        try await TestPostgres.shared.administer { connection in
            _ = try await connection.query("select pg_terminate_backend($1)", [.integer(Int(backend))])
        }
    }

    /// Waits until the connection has noticed what happened to it.
    func waitUntilClosed(_ connection: PostgresConnection) async throws {
        for _ in 0..<500 {
            if await !connection.isUsable { return }
            try await TestPostgres.loop.sleep(for: .milliseconds(10))
        }
        Issue.record("the connection still looks alive")
    }

    /// Waits until a statement is under way.
    func waitUntilBusy(_ connection: PostgresConnection) async throws {
        for _ in 0..<5000 {
            if await !connection.isUsable { return }
            try await TestPostgres.loop.sleep(for: .milliseconds(1))
        }
        Issue.record("no statement began")
    }

    // MARK: Connecting

    @Test func theSocketMayBeSwappedWhileConnectingToAListOfHosts() async throws {
        let relay = try PostgresRelay(to: TestPostgres.shared.socketPath)
        defer { relay.close() }
        let refused = try PostgresRelay.refusedPort()
        let string = "host=127.0.0.1,127.0.0.1 port=\(refused),\(relay.port) user=postgres dbname=postgres"
        try await with(makeConfiguration(string)) { connection in
            let answer = try await number(connection, "select 42")
            #expect(answer == 42)
        }
    }

    @Test func aHostThatIsSilentCostsItsShareOfTheTimeAndTheNextOneIsTried() async throws {
        let (silent, relay) = (
            try PostgresRelay(to: nil), try PostgresRelay(to: TestPostgres.shared.socketPath)
        )
        defer {
            silent.close()
            relay.close()
        }
        var configuration = makeConfiguration(
            "host=127.0.0.1,127.0.0.1 port=\(silent.port),\(relay.port) user=postgres dbname=postgres")
        configuration.connectTimeout = .seconds(6)
        let start = ContinuousClock.now
        try await with(configuration) { connection in
            let answer = try await number(connection, "select 42")
            #expect(answer == 42)
            #expect(ContinuousClock.now - start < .seconds(5))
        }
    }

    @Test func ofSeveralHostsTheOneThatTakesWritesIsMeantUnlessTheClientSaysOtherwise() throws {
        let several = try ConnectionString(parsing: "host=a,b port=1,2 user=u").candidates.map(\.options)
        #expect(several.map { $0["host"] } == ["a", "b"])
        #expect(several.map { $0["port"] } == ["1", "2"])
        #expect(several.allSatisfy { $0["target_session_attrs"] == "read-write" && $0["user"] == "u" })
        let any = try ConnectionString(parsing: "postgresql://a,b:2/d?target_session_attrs=any").candidates
        #expect(any.map { $0.options["target_session_attrs"] } == ["any", "any"])
        let addresses = try ConnectionString(parsing: "host=a,b hostaddr=10.0.0.1,10.0.0.2 port=7").candidates
        #expect(addresses.map { $0.options["hostaddr"] } == ["10.0.0.1", "10.0.0.2"])
        #expect(addresses.map { $0.options["port"] } == ["7", "7"])
        let one = try ConnectionString(parsing: "host=a").candidates
        #expect(one.count == 1 && one[0].options["target_session_attrs"] == nil)
    }

    @Test func namesAreResolvedBeforeLibpqSeesThem() async throws {
        let relay = try PostgresRelay(to: TestPostgres.shared.socketPath)
        defer { relay.close() }
        let text = "host=localhost,/tmp port=\(relay.port),5432 user=postgres dbname=postgres"
        let string = try ConnectionString(parsing: text)
        #expect(string.needsResolution)
        let resolved = try string.resolved()
        #expect(resolved.options["hostaddr"]?.contains("127.0.0.1") == true)
        #expect(resolved.options["hostaddr"]?.hasSuffix(",") == true, "a socket directory has no address")
        #expect(resolved.options["host"]?.hasSuffix(",/tmp") == true)
        #expect(try !ConnectionString(parsing: "host=127.0.0.1,::1").needsResolution)
        #expect(try !ConnectionString(parsing: "host=/tmp").needsResolution)
        try await with(makeConfiguration("host=localhost port=\(relay.port) user=postgres dbname=postgres")) {
            let answer = try await number($0, "select 42")
            #expect(answer == 42)
        }
    }

    @Test func aServerThatNeverAnswersIsGivenUpAtTheDeadline() async throws {
        let relay = try PostgresRelay(to: nil)
        defer { relay.close() }
        var configuration = makeConfiguration(
            "host=127.0.0.1 port=\(relay.port) user=postgres connect_timeout=60")
        configuration.connectTimeout = .milliseconds(300)
        let start = ContinuousClock.now
        let error = await failure { try await with(configuration) { _ in } }
        #expect(error?.kind == .connectFailed)
        #expect(ContinuousClock.now - start < .seconds(5))
    }

    @Test(arguments: [
        "host=/nowhere/at/all user=postgres", "host=127.0.0.1 port=1 user=postgres", "nonsense",
        "host=no-such-host.invalid user=postgres", "postgresql://[::1", "host=",
    ])
    func whatCannotBeConnectedToSaysWhy(_ string: String) async throws {
        var configuration = makeConfiguration(string)
        configuration.connectTimeout = .seconds(3)
        guard string != "host=" else { return }
        let error = await failure { try await with(configuration) { _ in } }
        #expect(error?.kind == .connectFailed)
        #expect(error?.message.isEmpty == false)
    }

    @Test func aMissingDatabaseIsAConnectFailure() async throws {
        let string = TestPostgres.shared.connectionString(database: "not_there")
        let error = await failure { try await with(makeConfiguration(string)) { _ in } }
        #expect(error?.kind == .connectFailed)
        #expect(error?.message.contains("not_there") == true)
    }

    // MARK: Values

    @Test func everyTypeOfParameterComesBackAsItWent() async throws {
        try await with { connection in
            let uuid = UUID()
            let date = Date(timeIntervalSince1970: 1_700_000_000.123456)
            let result = try await connection.query(
                """
                select $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17
                """,
                [
                    .bool(true), .int(Int64.min), .smallInt(-3), .integer(70_000), .double(-0.5),
                    .text("é\u{1F600}"), .text(nil), .text(""), .json(#"{"b": 1, "a":2}"#), .uuid(uuid),
                    .bytes([0, 255]), .timestamp(date), .ints([1, -2]), .texts(["a", "", "ü"]),
                    .uuids([uuid]),
                    .doubles([1.5]), .texts([]),
                ])
            var row = try #require(result.first)
            #expect(try row.next(Bool.self))
            #expect(try row.next(Int64.self) == .min)
            #expect(try row.next(Int.self) == -3)
            #expect(try row.next(Int.self) == 70_000)
            #expect(try row.next(Double.self) == -0.5)
            #expect(try row.next(String.self) == "é\u{1F600}")
            #expect(try row.nextOptional(String.self) == nil)
            #expect(try row.next(String.self) == "")
            #expect(try row.next(String.self) == #"{"b": 1, "a":2}"#)
            #expect(try row.next(UUID.self) == uuid)
            #expect(try row.next([UInt8].self) == [0, 255])
            #expect(abs(try row.next(Date.self).timeIntervalSince(date)) < 0.000_002)
            #expect(try row.next([Int64].self) == [1, -2])
            #expect(try row.next([String].self) == ["a", "", "ü"])
            #expect(try row.next([UUID].self) == [uuid])
            #expect(try row.next([Double].self) == [1.5])
            #expect(try row.next([String].self) == [])
            #expect(throws: PostgresError.self) { try row.next(Int.self) }
        }
    }

    @Test func arraysMayHoldNulls() async throws {
        try await with { connection in
            let nulls = try await number(
                connection,
                """
                select count(*) from unnest($1, $2, $3) as u(a, b, c)
                where a is null and b is null and c is null
                """,
                [.texts(["x", nil]), .int4s([nil, nil]), .doubles([1, nil])])
            #expect(nulls == 1)
        }
    }

    @Test func bigResultsAndBigParametersPassBothWays() async throws {
        try await with { connection in
            let text = String(repeating: "0123456789abcdef", count: 1_000_000)
            let result = try await connection.query("select $1 || $1", [.text(text)])
            var row = try #require(result.first)
            #expect(try row.next(String.self).utf8.count == 2 * text.utf8.count)
            let rows = try await connection.query("select n, n::text from generate_series(1, 100000) n")
            #expect(rows.rowCount == 100_000)
        }
    }

    // MARK: Errors

    @Test func aFailedStatementKeepsTheConnection() async throws {
        try await with { connection in
            let error = await failure { try await connection.query("select 1 / 0") }
            #expect(error?.sqlState == "22012")
            #expect(error?.isConnectionLoss == false)
            #expect(await failure { try await connection.query("selct") }?.sqlState == "42601")
            let answer = try await number(connection, "select 1")
            #expect(answer == 1)
        }
    }

    @Test func aStatementBeyondItsTimeOutIsEndedByTheServer() async throws {
        var configuration = makeConfiguration()
        configuration.statementTimeout = .milliseconds(100)
        try await with(configuration) { connection in
            #expect(await failure { try await connection.query("select pg_sleep(20)") }?.sqlState == "57014")
            #expect(await connection.isUsable)
        }
    }

    @Test func aServerThatStopsAnsweringIsLostAtTheDeadline() async throws {
        var configuration = makeConfiguration()
        configuration.answerGrace = .milliseconds(200)
        try await with(configuration) { connection in
            let error = await failure {
                try await connection.query("select pg_sleep(20)", timeout: .milliseconds(100))
            }
            #expect(error?.kind == .connectionLost)
            #expect(await !connection.isUsable)
        }
    }

    @Test func aBackendTerminatedWhileIdleIsNoticedAndLogged() async throws {
        let notices = LogRecorder()
        try await with(logger: notices.logger) { connection in
            try await terminate(try #require(await connection.backendID))
            try await waitUntilClosed(connection)
            #expect(await failure { try await connection.query("select 1") }?.isConnectionLoss == true)
            #expect(notices.messages.contains { $0.contains("57P01") }, "\(notices.messages)")
        }
    }

    @Test func aBackendTerminatedInAQueryEndsItAsAConnectionLoss() async throws {
        try await with { connection in
            let backend = try #require(await connection.backendID)
            async let error = failure { try await connection.query("select pg_sleep(30)") }
            try await waitUntilBusy(connection)
            try await terminate(backend)
            let found = try #require(await error)
            #expect(found.sqlState == "57P01")
            #expect(found.isConnectionLoss && found.isTransient)
            #expect(await !connection.isUsable)
        }
    }

    @Test func noticesGoToTheLog() async throws {
        let notices = LogRecorder()
        try await with(logger: notices.logger) { connection in
            try await connection.run("do $$ begin raise notice 'hear me'; raise warning 'and me'; end $$")
        }
        #expect(notices.messages.contains { $0.hasPrefix("debug: hear me") })
        #expect(notices.messages.contains { $0.hasPrefix("warning: and me") })
    }

    @Test func copyIsRefusedAndTheConnectionClosed() async throws {
        try await with { connection in
            try await connection.run("create temporary table t (x int)")
            #expect(await failure { try await connection.run("copy t from stdin") }?.kind == .misuse)
            #expect(await !connection.isUsable)
        }
    }

    @Test func twoTasksOnOneConnectionAreToldApart() async throws {
        try await with { connection in
            async let slow: Void = connection.run("select pg_sleep(2)")
            try await waitUntilBusy(connection)
            #expect(await failure { try await connection.query("select 1") }?.kind == .misuse)
            try await slow
            #expect(await connection.isUsable)
        }
    }

    // MARK: Prepared statements

    @Test func aStatementIsPreparedOnceAndAgainWhenTheServerForgetsIt() async throws {
        try await with { connection in
            let prepared = "select count(*) from pg_prepared_statements where statement like '%$1 + 1%'"
            for _ in 0..<3 { #expect(try await number(connection, "select $1 + 1", [.int(1)]) == 2) }
            #expect(try await number(connection, prepared) >= 1)
            try await connection.run("deallocate all")
            #expect(try await number(connection, "select $1 + 1", [.int(2)]) == 3)
            #expect(try await number(connection, "select $1 + 1", [.int(3)]) == 4)
        }
    }

    @Test func aStatementWhoseResultChangesShapeIsPreparedAgain() async throws {
        try await with { connection in
            try await connection.run("create temporary table shape (a int); insert into shape values (7)")
            #expect(try await number(connection, "select * from shape") == 7)
            try await connection.run(
                "alter table shape alter a type text; alter table shape add b int default 8")
            let result = try await connection.query("select * from shape")
            #expect(result.columns == 2)
            var row = try #require(result.first)
            #expect(try row.next(String.self) == "7")
            #expect(try row.next(Int.self) == 8)
        }
    }

    @Test func inATransactionAForgottenStatementFailsAndTheNextAttemptWorks() async throws {
        try await with { connection in
            #expect(try await number(connection, "select $1 * 2", [.int(1)]) == 2)
            try await connection.run("deallocate all; begin")
            let error = await failure { try await connection.query("select $1 * 2", [.int(1)]) }
            #expect(error?.sqlState == "26000" && error?.isTransient == true)
            try await connection.run("rollback; begin")
            #expect(try await number(connection, "select $1 * 2", [.int(2)]) == 4)
            try await connection.run("commit")
        }
    }

    @Test func withoutPreparationNothingIsLeftOnTheServer() async throws {
        var configuration = makeConfiguration()
        configuration.preparesStatements = false
        try await with(configuration) { connection in
            let sum = try await number(connection, "select $1 + 5", [.int(1)])
            #expect(sum == 6)
            let prepared = try await number(connection, "select count(*) from pg_prepared_statements")
            #expect(prepared == 0)
        }
    }
}
