/// How to reach one Postgres, and how long to wait for it.
struct PostgresConfiguration: Sendable {
    /// A libpq connection string or URI (PostgreSQL documentation 34.1.1).
    var connectionString: String
    /// From the first packet to a usable session, shared evenly by the hosts of the string; libpq's own
    /// `connect_timeout` does not hold for non-blocking connects (documentation 34.1).
    var connectTimeout = Duration.seconds(5)
    /// The server ends a longer statement: a start of a million pages goes in chunks far below it.
    var statementTimeout = Duration.seconds(30)
    /// Beyond the statement's time-out, for an answer on its way; then the server counts as gone.
    var answerGrace = Duration.seconds(5)
    /// How long a statement may still run once its task is cancelled: most end within it, and the connection
    /// is kept.
    var cancelGrace = Duration.milliseconds(250)
    /// The server frees the locks of a client that stopped in mid-transaction: sooner than its lease runs out.
    var idleInTransactionTimeout = Duration.seconds(5)
    /// Behind a pooler that gives each transaction another session (pgbouncer's `pool_mode = transaction`):
    /// nothing is prepared, and every transaction sets what it needs for itself.
    var isTransactionPooled = false
    var preparesStatements = true
    /// Prepared statements a connection keeps: more than the service has, so a generated text cannot fill the
    /// server.
    var maxPreparedStatements = 200
    /// Server settings of each session, beside those every session has.
    var settings: [String: String] = [:]
    /// As `pg_stat_activity` shows it.
    var applicationName = "scrape-service"
}

/// How many connections, and how long to wait for one.
struct PostgresPoolLimits: Sendable {
    static let connectionsRange = 1...100

    /// The server's default allows 100 for everybody; ten keep two cores busy.
    var maxConnections = 10 {
        didSet {
            let range = Self.connectionsRange
            maxConnections = min(max(maxConnections, range.lowerBound), range.upperBound)
        }
    }
    /// Longer than a restart of the server takes, shorter than a client's patience.
    var acquireTimeout = Duration.seconds(10)
    /// The wait while no server answers at all: a blink is waited out, everybody else is told at once.
    var unreachableTimeout = Duration.seconds(1)
    /// First pause after a failed connect; doubles, with jitter.
    var minBackoff = Duration.milliseconds(50)
    /// Last pause after failed connects: a server that is back is found within this.
    var maxBackoff = Duration.seconds(1)
}
