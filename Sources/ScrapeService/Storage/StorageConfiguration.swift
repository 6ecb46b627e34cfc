/// Where the database is, and the limits of talking to it.
struct StorageConfiguration: Sendable {
    /// A libpq connection string or URI (PostgreSQL documentation 34.1.1).
    var databaseURL: String
    /// The server itself, where `databaseURL` is a pooler in transaction mode: LISTEN and migrations need a session
    /// of their own.
    var directURL: String?
    /// 1…100. One store has one pool; the service has a store for reads and one for work, so twice as many.
    var maxConnections = 10
    /// A longer wait for a connection is an answer of its own (503); a server's restart takes less.
    var acquireTimeout = Duration.seconds(10)
    /// From the first packet to a usable session.
    var connectTimeout = Duration.seconds(5)
    /// No statement of the service takes long: chunks bound the largest ones.
    var statementTimeout = Duration.seconds(30)
    /// A readiness probe must not wait as long as a request may.
    var readinessTimeout = Duration.seconds(2)
    /// As the `replica` table shows it to an operator.
    var serviceVersion = ""
    /// Days of partitions made ahead: a service may be without a claim for a week-end and more.
    var partitionDays = 7
    /// How often a claiming replica looks after partitions, old keys and half-deleted jobs.
    var maintenanceInterval = Duration.seconds(3600)
    /// Days that the data of a job is kept after its end; nil keeps it for ever.
    var retainDays: Int?
    /// The contract keeps an idempotency key for at least 24 hours.
    var idempotencyRetention = Duration.seconds(48 * 3600)

    init(databaseURL: String) { self.databaseURL = databaseURL }

    var connection: PostgresConfiguration {
        var configuration = PostgresConfiguration(connectionString: databaseURL)
        configuration.connectTimeout = connectTimeout
        configuration.statementTimeout = statementTimeout
        configuration.isTransactionPooled = directURL != nil
        // Every read here follows an index in its order and stops at its limit. Without statistics (a table
        // that has just grown) the planner takes 250,000 rows for one and sorts them for each batch: 140 ms
        // instead of 0.1.
        configuration.settings = ["enable_bitmapscan": "off", "enable_seqscan": "off", "enable_sort": "off"]
        return configuration
    }

    /// For what a pooler in transaction mode does not carry.
    var directConnection: PostgresConfiguration {
        var configuration = connection
        if let directURL { configuration.connectionString = directURL }
        configuration.isTransactionPooled = false
        return configuration
    }

    var pool: PostgresPoolLimits {
        var limits = PostgresPoolLimits()
        limits.maxConnections = maxConnections
        limits.acquireTimeout = acquireTimeout
        return limits
    }
}
