import CoreMetrics
import HTTPCore
import PrometheusMetrics

/// All of the process's metrics in one registry, and what is read rather than told.
struct ServiceMetrics: Sendable {
    private static let help = [
        Names.build: "Always 1; its label is the running version.",
        Names.connections: "Database connections of the jobs' and the API's pool, by state.",
        Names.waiters: "Tasks that wait for a database connection.",
    ]

    private enum Names {
        static let build = "scrape_build_info"
        static let connections = "scrape_database_connections"
        static let waiters = "scrape_database_waiters"
    }

    let server: ServerMetrics
    let engine: EngineMetrics
    let webhooks: WebhookMetrics
    private let registry: PrometheusRegistry

    init() {
        let parts = [
            Self.help, ServerMetrics.help, EngineMetrics.help, WebhookMetrics.help, ProcessMetrics.help,
        ]
        let help = parts.reduce(into: [:]) { all, part in all.merge(part) { $1 } }
        let registry = PrometheusRegistry(help: help)
        server = ServerMetrics(factory: registry)
        engine = EngineMetrics(factory: registry)
        webhooks = WebhookMetrics(factory: registry)
        let process = ProcessMetrics(factory: registry)
        registry.beforeExposition { process.update() }
        Meter(label: Names.build, dimensions: [("version", Service.version)], factory: registry).set(1)
        self.registry = registry
    }

    /// Prometheus's text. `pools` by the name they have in it.
    func exposition(_ pools: [String: PostgresPool]) async -> [UInt8] {
        for (name, pool) in pools { set(await pool.counts, of: name) }
        // Reads `/proc`, which is slow with ten thousand descriptors: not on the loop that answers.
        let registry = registry
        return await Task.detached { registry.exposition() }.value
    }

    private func set(_ counts: PostgresPool.Counts, of pool: String) {
        let states = [("idle", counts.idle), ("leased", counts.leased), ("opening", counts.opening)]
        for (state, count) in states {
            let dimensions = [("pool", pool), ("state", state)]
            Meter(label: Names.connections, dimensions: dimensions, factory: registry).set(count)
        }
        Meter(label: Names.waiters, dimensions: [("pool", pool)], factory: registry).set(counts.waiting)
    }
}
