/// Why a statement or a connection failed.
struct PostgresError: Error, Sendable, CustomStringConvertible {
    enum Kind: Hashable, Sendable {
        /// No session: refused, unreachable, bad password, or too slow.
        case connectFailed
        /// The session ended; whether the statement was carried out is not known.
        case connectionLost
        /// The server refused the statement; `sqlState` says why.
        case statement
        /// Closed by this process.
        case closed
        /// Nobody gave back a connection in time.
        case poolExhausted
        /// The task was cancelled and the statement did not end within the grace.
        case cancelled
        /// The answer was not what the caller reads, or the connection is used by two tasks.
        case misuse
    }

    var kind: Kind
    /// The server's five characters (documentation, appendix A). Nil for everything libpq finds out itself.
    var sqlState: String?
    var message: String

    init(_ kind: Kind, sqlState: String? = nil, _ message: String) {
        self.kind = kind
        self.sqlState = sqlState
        self.message = message
    }

    var description: String {
        sqlState.map { "\(kind) \($0): \(message)" } ?? "\(kind): \(message)"
    }

    /// The session is over, or of no use: a lost connection has no SQLSTATE of its own, a server on its way
    /// down sends class 57P, a pooler class 08, and one that takes no writes (25006) is not the primary any more.
    var isConnectionLoss: Bool {
        if kind == .connectionLost { return true }
        guard let sqlState else { return false }
        return sqlState.hasPrefix("57P0") || sqlState.hasPrefix("08") || sqlState == "25006"
    }

    /// The same statement may well succeed on another connection or a moment later.
    var isTransient: Bool {
        if isConnectionLoss { return true }
        guard let sqlState else { return kind == .connectFailed || kind == .poolExhausted }
        // Out of disk, memory or connections, or too slow today: the work waits, it is not at fault.
        return sqlState.hasPrefix("53") || sqlState == "57014" || Self.transientStates.contains(sqlState)
    }

    /// Serialization failure, deadlock, lock not available, prepared statement gone, cached plan out of date.
    private static let transientStates: Set<String> = ["40001", "40P01", "55P03", "26000", "0A000"]

    /// It took longer than `statement_timeout`, or an operator cancelled it.
    var isStatementTimeout: Bool { kind == .statement && sqlState == "57014" }

    /// A table, column or function is not there: another version of the service has migrated the database since.
    /// No page is to blame.
    var isForeignSchema: Bool { sqlState == "42P01" || sqlState == "42703" || sqlState == "42883" }

    /// The server forgot the prepared statement, or its result changed shape: prepare it again.
    var isStalePreparation: Bool { sqlState == "26000" || sqlState == "0A000" }
}
