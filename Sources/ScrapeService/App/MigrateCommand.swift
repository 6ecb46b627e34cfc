package import ArgumentParser
import Foundation
import HTTPCore
import Logging

/// `scrape-service migrate`: brings the database to this version's schema, and ends. `serve` does the same by itself.
package struct MigrateCommand: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "migrate", abstract: "Bring the database to this version's schema, and end.")

    @OptionGroup var database: DatabaseOptions
    @Option(help: "trace, debug, info, notice, warning or error. [default: warning]")
    var logLevel: String?

    package init() {}

    package func run() async throws {
        let settings = Settings(environment: ProcessInfo.processInfo.environment)
        var logger = Logger(label: Service.name) { StreamLogHandler.standardError(label: $0) }
        logger.logLevel = logLevel == nil ? .warning : try database.level(logLevel, settings)
        let database = Database(try database.settle(settings), logger: logger)
        let storage = try await database.open()
        let loop = try EventLoop(name: "migrate")
        let result: Result<[Int], any Error>
        do {
            result = .success(try await Migrator(configuration: storage).migrate(on: loop, logger: logger))
        } catch {
            result = .failure(error)
        }
        loop.stop()
        await database.close()
        let applied = try result.get()
        let said =
            applied.isEmpty ? "nothing to do" : "applied \(applied.map { "\($0)" }.joined(separator: ", "))"
        print("migrate: \(said)")
    }
}
