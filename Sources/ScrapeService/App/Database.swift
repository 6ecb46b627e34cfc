import Logging

/// The database a command works on: a given one, or the embedded one for as long as it is open.
struct Database {
    private let configuration: DatabaseConfiguration
    private let embedded: EmbeddedPostgres?

    init(_ configuration: DatabaseConfiguration, logger: Logger) {
        self.configuration = configuration
        embedded =
            configuration.url == nil
            ? EmbeddedPostgres(dataDirectory: configuration.dataDirectory, logger: logger) : nil
    }

    /// Starts the embedded server, or joins the one that runs on the data directory; a given database is not touched.
    func open() async throws -> StorageConfiguration {
        let url: String
        if let embedded {
            url = try await embedded.start().conninfo
        } else {
            url = configuration.url ?? ""
        }
        var storage = StorageConfiguration(databaseURL: url)
        storage.directURL = configuration.directURL
        storage.maxConnections = configuration.poolSize
        storage.serviceVersion = Service.version
        return storage
    }

    /// The last one out stops the embedded server.
    func close() async { await embedded?.stop() }
}
