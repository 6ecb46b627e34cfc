import ArgumentParser
import Logging

/// Which database: shared by the commands that need one.
struct DatabaseOptions: ParsableArguments {
    @Option(help: "libpq URL or connection string; without it, an embedded Postgres in the data directory.")
    var databaseURL: String?
    @Option(
        help: """
            URL of the server itself, where the database URL is a pooler in transaction mode (pgbouncer): for LISTEN \
            and migrations.
            """)
    var databaseDirectURL: String?
    @Option(help: "Database connections for the work of jobs, 1…100; the API has as many again. [default: 8]")
    var databasePoolSize: Int?
    @Option(help: "Where the embedded Postgres lives. [default: ./data]")
    var dataDir: String?

    func settle(_ settings: Settings) throws(SettingError) -> DatabaseConfiguration {
        let url = settings.text(databaseURL, "DATABASE_URL")
        let directURL = settings.text(databaseDirectURL, "DATABASE_DIRECT_URL")
        if directURL != nil, url == nil {
            throw SettingError(
                name: "--database-direct-url", reason: "goes with --database-url, which names the pooler")
        }
        return DatabaseConfiguration(
            url: url,
            directURL: directURL,
            poolSize: try settings.int(
                databasePoolSize, "--database-pool-size", "SCRAPE_DATABASE_POOL_SIZE", in: 1...100, default: 8
            ),
            dataDirectory: settings.text(dataDir, "SCRAPE_DATA_DIR") ?? "./data")
    }

    func level(_ flag: String?, _ settings: Settings) throws(SettingError) -> Logger.Level {
        guard let text = settings.text(flag, "SCRAPE_LOG_LEVEL") else { return .info }
        guard let level = Logger.Level(rawValue: text.lowercased()) else {
            let levels = Logger.Level.allCases.map(\.rawValue).joined(separator: ", ")
            throw SettingError(name: "--log-level", reason: "\"\(text)\" is none of \(levels)")
        }
        return level
    }
}

struct DatabaseConfiguration: Hashable {
    /// Nil: the embedded one.
    var url: String?
    /// The server behind the pooler that `url` names; nil: `url` is the server.
    var directURL: String?
    var poolSize: Int
    var dataDirectory: String
}
