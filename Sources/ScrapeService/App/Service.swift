/// The service's name and version, as `--version` and the default user agent give them.
public enum Service {
    public static let name = "scrape-service"
    public static let version = "0.1.0"
}
