/// An absolute http(s) URL in the contract's canonical form: lower-case scheme and host, no default port,
/// no fragment, dot segments resolved, percent-encoding normalised (RFC 3986 §6.2.2).
struct WebURL: Hashable, Sendable, Codable {
    let text: String

    /// Only a ``URLParsing`` makes one from what a client or a page wrote.
    init(canonical text: String) { self.text = text }

    /// Scheme, host and port: what connections and politeness are counted by.
    var origin: Substring {
        guard let scheme = text.utf8.firstIndex(of: UInt8(ascii: ":")) else { return text[...] }
        let authority = text.utf8.index(scheme, offsetBy: 3)
        let rest = text.utf8[authority...]
        let end = rest.firstIndex { $0 == UInt8(ascii: "/") || $0 == UInt8(ascii: "?") } ?? text.utf8.endIndex
        return text[..<end]
    }
}

/// Reads URLs as the web writes them. One implementation (libcurl's URL API); every room that needs a URL asks it.
protocol URLParsing: Sendable {
    /// Nil unless `text` is an absolute http or https URL with a host.
    func parse(_ text: String) -> WebURL?

    /// Resolves each reference against `base` (RFC 3986 §5.2); nil where the result is no http(s) URL.
    func resolve(_ references: [String], against base: String) -> [WebURL?]
}
