/// Where the database is, and the limits of talking to it.
struct StorageConfiguration: Sendable {
    /// A libpq connection string or URI (PostgreSQL documentation 34.1.1).
    var databaseURL: String
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
    /// Off behind a pooler that gives each transaction another session.
    var preparesStatements = true
    /// Days of partitions made ahead: a service may be without a claim for a week-end and more.
    var partitionDays = 7
    /// How often a claiming replica looks after partitions, old keys and half-deleted jobs.
    var maintenanceInterval = Duration.seconds(6 * 3600)
    /// The contract keeps an idempotency key for at least 24 hours.
    var idempotencyRetention = Duration.seconds(48 * 3600)

    init(databaseURL: String) { self.databaseURL = databaseURL }

    var connection: PostgresConfiguration {
        var configuration = PostgresConfiguration(connectionString: databaseURL)
        configuration.connectTimeout = connectTimeout
        configuration.statementTimeout = statementTimeout
        configuration.preparesStatements = preparesStatements
        // Every read here follows an index in its order and stops at its limit. Without statistics (a table
        // that has just grown) the planner takes 250,000 rows for one and sorts them for each batch: 140 ms
        // instead of 0.1.
        configuration.settings = ["enable_bitmapscan": "off", "enable_seqscan": "off", "enable_sort": "off"]
        return configuration
    }

    var pool: PostgresPoolLimits {
        var limits = PostgresPoolLimits()
        limits.maxConnections = maxConnections
        limits.acquireTimeout = acquireTimeout
        return limits
    }
}
