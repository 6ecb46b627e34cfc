/// The service's name and version, as `--version` and the default user agent give them.
enum Service {
    static let name = "scrape-service"
    static let version = "0.1.0"
}
