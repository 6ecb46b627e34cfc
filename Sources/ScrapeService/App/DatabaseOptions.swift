import ArgumentParser
import Logging

/// Which database: shared by the commands that need one.
struct DatabaseOptions: ParsableArguments {
    @Option(help: "libpq URL or connection string; without it, an embedded Postgres in the data directory.")
    var databaseURL: String?
    @Option(help: "Database connections for the work of jobs, 1…100; the API has as many again. [default: 8]")
    var databasePoolSize: Int?
    @Option(help: "Where the embedded Postgres lives. [default: ./data]")
    var dataDir: String?

    func settle(_ settings: Settings) throws(SettingError) -> DatabaseConfiguration {
        DatabaseConfiguration(
            url: settings.text(databaseURL, "DATABASE_URL"),
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
    var poolSize: Int
    var dataDirectory: String
}
