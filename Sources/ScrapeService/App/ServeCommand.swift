package import ArgumentParser
import Foundation
import HTTPCore
import Logging

/// `scrape-service serve`: flags and environment variables of API.md, each with its default.
package struct ServeCommand: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "serve",
        abstract: "Serve the API and run jobs.",
        discussion: """
            Every option is also an environment variable: SCRAPE_BIND, DATABASE_URL, SCRAPE_DATA_DIR, \
            SCRAPE_EGRESS_ALLOW, SCRAPE_API_KEY_FILE, SCRAPE_MAX_BODY_BYTES, … A flag wins. Without a database URL \
            the service keeps a private Postgres of its own in the data directory.
            """)

    @Option(help: "Address and port to listen on; beyond loopback only with keys. [default: 127.0.0.1:8080]")
    var bind: String?
    @OptionGroup var database: DatabaseOptions
    @Option(help: "Networks that jobs may reach besides the public internet, comma-separated CIDRs.")
    var egressAllow: String?
    @Option(
        help: """
            File with one API key a line, or KEY read for one that may only read the jobs of the key above it; \
            clients send Authorization: Bearer KEY.
            """)
    var apiKeyFile: String?
    @Option(
        help: """
            Days that a job's data is kept after its end, 1…36500, as 30 or 30d; then the job is 410. Whole days are \
            dropped, once their last job's time is over. [default: for ever]
            """)
    var retain: String?
    @Option(help: "Longest request body, bytes. [default: 4194304]")
    var maxBodyBytes: Int?
    @Option(help: "From a request's first byte to the end of its head. [default: 10]")
    var headerTimeoutSeconds: Double?
    @Option(help: "In which a request body must make progress. [default: 20]")
    var bodyTimeoutSeconds: Double?
    @Option(help: "Between two requests of a connection. [default: 75]")
    var idleTimeoutSeconds: Double?
    @Option(help: "In which a client must take some of its answer. [default: 30]")
    var writeTimeoutSeconds: Double?
    @Option(help: "For requests in flight after SIGTERM. [default: 25]")
    var drainTimeoutSeconds: Double?
    @Option(help: "Open connections. [default: 10000]")
    var maxConnections: Int?
    @Option(
        help: "Open connections of one address, 0 for no limit (behind a proxy). [default: 5000]")
    var maxConnectionsPerAddress: Int?
    @Option(help: "User-Agent of jobs that name none.")
    var userAgent: String?
    @Option(
        help: """
            Pause before a webhook that was not taken is sent again; it grows fourfold with each of the 6 retries. \
            [default: 2, about half an hour in all]
            """)
    var webhookRetrySeconds: Double?
    @Option(help: "trace, debug, info, notice, warning or error. [default: info]")
    var logLevel: String?
    @Option(help: "json, one object a line, or text. [default: json]")
    var logFormat: String?
    @Option(help: "on or off: whether each request is a line of the log, at level info. [default: on]")
    var accessLog: String?

    package init() {}

    package func run() async throws {
        let configuration: ServeConfiguration
        do {
            configuration = try settle(environment: ProcessInfo.processInfo.environment)
        } catch {
            throw ValidationError("\(error)")
        }
        try await Application(configuration).run()
    }

    /// Flags, environment and files made into one configuration; throws what a person must change.
    func settle(environment: [String: String]) throws -> ServeConfiguration {
        let settings = Settings(environment: environment)
        let bind = try BindAddress(settings.text(self.bind, "SCRAPE_BIND") ?? "127.0.0.1:8080")
        let keys = try readKeys(settings)
        if keys.isEmpty, !bind.isLoopback {
            throw SettingError(
                name: "--bind",
                reason: "\(bind) is not loopback: give --api-key-file, or anybody could use the service")
        }
        return ServeConfiguration(
            bind: bind,
            database: try database.settle(settings),
            egress: EgressPolicy(allowed: try readNetworks(settings)),
            keys: keys,
            retainDays: try settings.days(retain, "--retain", "SCRAPE_RETAIN"),
            limits: try readLimits(settings),
            userAgent: try readUserAgent(settings),
            webhookRetryPause: try settings.seconds(
                webhookRetrySeconds, "--webhook-retry-seconds", "SCRAPE_WEBHOOK_RETRY_SECONDS",
                default: WebhookPolicy().firstPause),
            logLevel: try database.level(logLevel, settings),
            logFormat: try settings.choice(
                logFormat, "--log-format", "SCRAPE_LOG_FORMAT",
                among: [("json", LogFormat.json), ("text", .text)], default: .json),
            logsAccess: try settings.choice(
                accessLog, "--access-log", "SCRAPE_ACCESS_LOG", among: [("on", true), ("off", false)],
                default: true))
    }

    private func readKeys(_ settings: Settings) throws -> [APIKey] {
        guard let path = settings.text(apiKeyFile, "SCRAPE_API_KEY_FILE") else { return [] }
        do {
            let keys = try APIKey.keys(in: String(contentsOfFile: path, encoding: .utf8))
            if keys.isEmpty { throw SettingError(name: "--api-key-file", reason: "\(path) holds no key") }
            return keys
        } catch let error as KeyFileError {
            throw SettingError(name: "--api-key-file", reason: "\(path), \(error)")
        } catch let error as SettingError {
            throw error
        } catch {
            throw SettingError(name: "--api-key-file", reason: "\(path) cannot be read")
        }
    }

    private func readUserAgent(_ settings: Settings) throws(SettingError) -> String {
        guard let text = settings.text(userAgent, "SCRAPE_USER_AGENT") else {
            return "\(Service.name)/\(Service.version)"
        }
        guard RequestFields.isValue(text) else {
            throw SettingError(name: "--user-agent", reason: "holds a control character")
        }
        return text
    }

    private func readNetworks(_ settings: Settings) throws -> [CIDR] {
        let text = settings.text(egressAllow, "SCRAPE_EGRESS_ALLOW") ?? ""
        return try text.split(separator: ",").map { part in
            do {
                return try CIDR(part.trimmingCharacters(in: .whitespaces))
            } catch {
                throw SettingError(name: "--egress-allow", reason: "\(error)")
            }
        }
    }

    private func readLimits(_ settings: Settings) throws -> ServerLimits {
        var limits = ServerLimits()
        limits.maxBodyBytes = try settings.int(
            maxBodyBytes, "--max-body-bytes", "SCRAPE_MAX_BODY_BYTES", in: 1...(1 << 30), default: 4 << 20)
        limits.maxConnections = try settings.int(
            maxConnections, "--max-connections", "SCRAPE_MAX_CONNECTIONS", in: 1...1_000_000,
            default: limits.maxConnections)
        let perAddress = try settings.int(
            maxConnectionsPerAddress, "--max-connections-per-address",
            "SCRAPE_MAX_CONNECTIONS_PER_ADDRESS", in: 0...1_000_000,
            default: limits.maxConnectionsPerAddress ?? 0)
        limits.maxConnectionsPerAddress = perAddress == 0 ? nil : perAddress
        limits.headerTimeout = try settings.seconds(
            headerTimeoutSeconds, "--header-timeout-seconds", "SCRAPE_HEADER_TIMEOUT_SECONDS",
            default: limits.headerTimeout)
        limits.bodyTimeout = try settings.seconds(
            bodyTimeoutSeconds, "--body-timeout-seconds", "SCRAPE_BODY_TIMEOUT_SECONDS",
            default: limits.bodyTimeout)
        limits.idleTimeout = try settings.seconds(
            idleTimeoutSeconds, "--idle-timeout-seconds", "SCRAPE_IDLE_TIMEOUT_SECONDS",
            default: limits.idleTimeout)
        limits.writeTimeout = try settings.seconds(
            writeTimeoutSeconds, "--write-timeout-seconds", "SCRAPE_WRITE_TIMEOUT_SECONDS",
            default: limits.writeTimeout)
        limits.drainTimeout = try settings.seconds(
            drainTimeoutSeconds, "--drain-timeout-seconds", "SCRAPE_DRAIN_TIMEOUT_SECONDS",
            default: limits.drainTimeout)
        return limits
    }
}

/// What `serve` runs with.
struct ServeConfiguration {
    var bind: BindAddress
    var database: DatabaseConfiguration
    var egress: EgressPolicy
    var keys: [APIKey]
    /// Nil: for ever.
    var retainDays: Int?
    var limits: ServerLimits
    var userAgent: String
    var webhookRetryPause: Duration
    var logLevel: Logger.Level
    var logFormat: LogFormat
    var logsAccess: Bool
}
