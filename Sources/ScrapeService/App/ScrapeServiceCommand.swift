package import ArgumentParser

/// The command line: `scrape-service serve | migrate`.
package struct ScrapeServiceCommand: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: Service.name,
        abstract: "Runs web-scrape jobs and serves their results and word counts.",
        version: Service.version,
        subcommands: [ServeCommand.self, MigrateCommand.self])

    package init() {}
}
