/// A job's own header fields, and which pages they go to.
struct JobHeaders: Sendable {
    private let all: [HeaderField]
    private let harmless: [HeaderField]
    /// Origins the job's author has written.
    private let trusted: Set<String>

    init(_ spec: JobSpec, _ urls: any URLParsing) {
        all = spec.fetch.headers
        harmless = all.filter { !$0.isSecret }
        let followed = spec.pages.flatMap(\.follow).compactMap(\.url)
        trusted = Set(
            spec.start.compactMap { Self.origin(of: $0.template.literals, urls) }
                + followed.compactMap { Self.origin(of: $0.literals, urls) })
    }

    /// Start pages and the pages of trusted origins get every field. A page may link anywhere, and others get only
    /// what is no secret (``HeaderField/isSecret``). What the page's own request names replaces the job's field of
    /// that name.
    func fields(for page: QueuedPage) -> [HeaderField] {
        let isTrusted = page.depth == 0 || trusted.contains(page.url.origin)
        let ours = isTrusted ? all : harmless
        guard let own = page.request?.headers, !own.isEmpty else { return ours }
        let sent = isTrusted ? own : own.filter { !$0.isSecret }
        let names = Set(own.map { $0.name.lowercased() })
        return ours.filter { !names.contains($0.name.lowercased()) } + sent
    }

    /// Of a template, by the text around its places. Nil where one of them is part of the host: then only the start
    /// pages themselves are trusted.
    private static func origin(of literals: [String], _ urls: any URLParsing) -> String? {
        guard let written = literals.first, let url = urls.parse(written) else { return nil }
        let parts = written.split(separator: "/", maxSplits: 3, omittingEmptySubsequences: false)
        guard literals.count == 1 || parts.count == 4 else { return nil }
        return url.origin
    }
}
