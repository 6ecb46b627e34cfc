import CPostgres
import Glibc
import Logging

/// Owns one `PGconn`. Every call is made on the one thread of its connection (documentation 34.20).
final class PostgresHandle {
    enum Step {
        case reading, writing, connected
        case failed(String)
    }

    enum Flush {
        case done, pending, failed
    }

    enum Received {
        case result(PostgresResult)
        case error(PostgresError)
        /// Every statement of a pipeline has been answered.
        case endOfPipeline
        /// COPY has begun: nothing here speaks it.
        case copy
    }

    private let connection: OpaquePointer
    private let notices: Unmanaged<NoticeLog>
    private var isFinished = false

    /// Begins to connect; blocks only where `options` name a host without its address.
    init(options: [String: String], logger: Logger) throws(PostgresError) {
        let pairs = options.filter { !$0.value.isEmpty }
        let keywords = pairs.keys.map { strdup($0) }
        let values = pairs.values.map { strdup($0) }
        defer { for text in keywords + values { free(text) } }
        let connection = PQconnectStartParams(
            keywords.map { UnsafePointer($0) } + [nil], values.map { UnsafePointer($0) } + [nil], 0)
        guard let connection else { throw PostgresError(.connectFailed, "out of memory") }
        self.connection = connection
        notices = Unmanaged.passRetained(NoticeLog(logger: logger))
        // The default receiver prints to standard error; the FATAL of an idle session arrives here as well.
        PQsetNoticeReceiver(
            connection,
            { context, result in
                guard let context, let result else { return }
                Unmanaged<NoticeLog>.fromOpaque(context).takeUnretainedValue().receive(result)
            }, notices.toOpaque())
        if PQstatus(connection) == CONNECTION_BAD {
            let message = errorMessage
            finish()
            throw PostgresError(.connectFailed, message)
        }
    }

    deinit { finish() }

    /// Closes the socket and frees everything; repeating it does nothing.
    func finish() {
        guard !isFinished else { return }
        isFinished = true
        PQfinish(connection)
        notices.release()
    }

    var errorMessage: String { String(cString: PQerrorMessage(connection)).trimmed }
    /// Changes while connecting, from one poll to the next.
    var socket: Int32 { PQsocket(connection) }
    var isBroken: Bool { PQstatus(connection) == CONNECTION_BAD }
    var isBusy: Bool { PQisBusy(connection) == 1 }
    var serverVersion: Int32 { PQserverVersion(connection) }
    var isTransactionIdle: Bool { PQtransactionStatus(connection) == PQTRANS_IDLE }
    var backendID: Int32 { PQbackendPID(connection) }

    func pollConnect() -> Step {
        switch PQconnectPoll(connection) {
        case PGRES_POLLING_READING: return .reading
        case PGRES_POLLING_OK:
            PQsetnonblocking(connection, 1)
            return .connected
        case PGRES_POLLING_FAILED: return .failed(errorMessage)
        default: return .writing
        }
    }

    /// False: the server is gone.
    func consumeInput() -> Bool { PQconsumeInput(connection) == 1 }

    func flush() -> Flush {
        switch PQflush(connection) {
        case 0: .done
        case 1: .pending
        default: .failed
        }
    }

    // MARK: Sending

    /// The simple protocol: one or more statements without parameters.
    func send(script: String) -> Bool { PQsendQuery(connection, script) == 1 }

    func send(prepare name: String, _ sql: String, types: [UInt32]) -> Bool {
        PQsendPrepare(connection, name, sql, Int32(types.count), types) == 1
    }

    func send(_ sql: String, _ arguments: PostgresArguments) -> Bool {
        arguments.withPointers { values, lengths, formats in
            PQsendQueryParams(
                connection, sql, Int32(arguments.count), arguments.types, values, lengths, formats, 1) == 1
        }
    }

    func send(prepared name: String, _ arguments: PostgresArguments) -> Bool {
        arguments.withPointers { values, lengths, formats in
            PQsendQueryPrepared(connection, name, Int32(arguments.count), values, lengths, formats, 1) == 1
        }
    }

    /// Two statements in one packet and one transaction: a pipeline (documentation 34.5). The second one's rows
    /// are the answer; if the first fails, the second is not run.
    func send(
        _ first: String, _ firstArguments: PostgresArguments, before sql: String,
        _ arguments: PostgresArguments
    ) -> Bool {
        guard PQenterPipelineMode(connection) == 1 else { return false }
        if send(first, firstArguments), send(sql, arguments), PQpipelineSync(connection) == 1 { return true }
        exitPipeline()
        return false
    }

    /// Back to one statement at a time; only once the pipeline's end has been received.
    func exitPipeline() { PQexitPipelineMode(connection) }

    // MARK: Receiving

    /// The next result, or nil once the statement is over. Only while not busy: it would block.
    func nextResult() -> Received? {
        guard let result = PQgetResult(connection) else { return nil }
        defer { PQclear(result) }
        switch PQresultStatus(result) {
        case PGRES_TUPLES_OK, PGRES_COMMAND_OK, PGRES_EMPTY_QUERY, PGRES_SINGLE_TUPLE:
            return .result(Self.copy(result))
        case PGRES_PIPELINE_SYNC: return .endOfPipeline
        case PGRES_COPY_IN, PGRES_COPY_OUT, PGRES_COPY_BOTH: return .copy
        default: return .error(error(of: result))
        }
    }

    /// Channel names of the notifications that have arrived.
    func takeNotifications() -> [String] {
        var channels: [String] = []
        while let notification = PQnotifies(connection) {
            channels.append(String(cString: notification.pointee.relname))
            PQfreemem(notification)
        }
        return channels
    }

    private func error(of result: OpaquePointer) -> PostgresError {
        let message = String(cString: PQresultErrorMessage(result)).trimmed
        if PQresultStatus(result) == PGRES_PIPELINE_ABORTED {
            return PostgresError(.statement, sqlState: "25P02", "a statement before this one failed")
        }
        guard let state = result.field("C") else {
            // libpq's own errors have no SQLSTATE: the connection is dead, whatever PQstatus says yet.
            return PostgresError(.connectionLost, message)
        }
        return PostgresError(.statement, sqlState: state, message)
    }

    private static func copy(_ result: OpaquePointer) -> PostgresResult {
        let rows = PQntuples(result)
        let columns = PQnfields(result)
        var copy = PostgresResult(columns: Int(columns), rowCount: Int(rows))
        if let affected = PQcmdTuples(result) { copy.affected = Int(String(cString: affected)) ?? 0 }
        var bytes = 0
        for row in 0..<rows { for column in 0..<columns { bytes += Int(PQgetlength(result, row, column)) } }
        copy.reserve(values: Int(rows * columns), bytes: bytes)
        for row in 0..<rows {
            for column in 0..<columns {
                if PQgetisnull(result, row, column) == 1 {
                    copy.append(nil)
                } else {
                    let length = Int(PQgetlength(result, row, column))
                    copy.append(UnsafeRawBufferPointer(start: PQgetvalue(result, row, column), count: length))
                }
            }
        }
        return copy
    }
}

/// Where the server's notices go: the log.
private final class NoticeLog {
    private let logger: Logger

    init(logger: Logger) { self.logger = logger }

    func receive(_ result: OpaquePointer) {
        let severity = result.field("V") ?? result.field("S") ?? "NOTICE"
        let level: Logger.Level =
            switch severity {
            case "FATAL", "PANIC", "ERROR", "WARNING": .warning
            default: .debug
            }
        logger.log(
            level: level, "\(result.field("M") ?? "")",
            metadata: ["severity": "\(severity)", "sqlstate": "\(result.field("C") ?? "")"])
    }
}

extension OpaquePointer {
    /// A field of a `PGresult`'s error or notice, by the protocol's letter (documentation 55.8).
    fileprivate func field(_ code: Character) -> String? {
        guard let ascii = code.asciiValue, let text = PQresultErrorField(self, Int32(ascii)) else {
            return nil
        }
        return String(cString: text)
    }
}

extension PostgresArguments {
    /// Hands out what libpq wants: a pointer, a length and a format (1: binary) for each parameter.
    fileprivate func withPointers<Answer>(
        _ body: ([UnsafePointer<CChar>?], [Int32], [Int32]) -> Answer
    ) -> Answer {
        let lengths = spans.map { Int32(max(0, $0.length)) }
        let formats = [Int32](repeating: 1, count: spans.count)
        return bytes.withUnsafeBytes { buffer in
            // An empty value still needs a pointer, nil is NULL: so the buffer is never empty (see `bytes`).
            guard let base = buffer.baseAddress?.assumingMemoryBound(to: CChar.self) else {
                return body([], [], [])
            }
            return body(spans.map { $0.length < 0 ? nil : base + $0.offset }, lengths, formats)
        }
    }
}
