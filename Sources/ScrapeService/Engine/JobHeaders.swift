/// A job's own header fields, and which pages they go to.
struct JobHeaders: Sendable {
    /// Fields that tell a server who asks: a page may link anywhere, and its server is not told another's secret.
    private static let credentials: Set<String> = ["authorization", "cookie"]

    private let all: [HeaderField]
    private let harmless: [HeaderField]
    /// Origins the job's author has written.
    private let trusted: Set<String>

    init(_ spec: JobSpec, _ urls: any URLParsing) {
        all = spec.fetch.headers
        harmless = all.filter { !Self.credentials.contains($0.name.lowercased()) }
        trusted =
            harmless.count == all.count
            ? [] : Set(spec.start.compactMap { Self.origin(of: $0.template, urls) })
    }

    /// Start pages and the pages of their origins get every field, others no credentials.
    func fields(for page: QueuedPage) -> [HeaderField] {
        harmless.count == all.count || page.depth == 0 || trusted.contains(page.url.origin) ? all : harmless
    }

    /// Nil where a variable is part of the host: then only the start pages themselves are trusted.
    private static func origin(of template: URLTemplate, _ urls: any URLParsing) -> String? {
        guard let written = template.literals.first, let url = urls.parse(written) else { return nil }
        let parts = written.split(separator: "/", maxSplits: 3, omittingEmptySubsequences: false)
        guard template.variables.isEmpty || parts.count == 4 else { return nil }
        return url.origin
    }
}
