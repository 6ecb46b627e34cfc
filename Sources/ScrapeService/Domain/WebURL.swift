/// An absolute http(s) URL in the contract's canonical form: lower-case scheme and host, no default port,
/// no fragment, dot segments resolved, percent-encoding normalised (RFC 3986 §6.2.2).
struct WebURL: Hashable, Sendable, Codable {
    let text: String

    /// Only a ``URLParsing`` makes one from what a client or a page wrote.
    init(canonical text: String) { self.text = text }

    /// Scheme, host and port, without credentials: what connections and politeness are counted by.
    var origin: String {
        guard let colon = text.utf8.firstIndex(of: UInt8(ascii: ":")),
            let start = text.utf8.index(colon, offsetBy: 3, limitedBy: text.utf8.endIndex)
        else { return text }
        let rest = text.utf8[start...]
        let end = rest.firstIndex { $0 == UInt8(ascii: "/") || $0 == UInt8(ascii: "?") } ?? text.utf8.endIndex
        guard let at = rest[..<end].lastIndex(of: UInt8(ascii: "@")) else { return String(text[..<end]) }
        return String(text[..<start]) + text[text.utf8.index(after: at)..<end]
    }
}

/// Reads URLs as the web writes them. One implementation (libcurl's URL API); every room that needs a URL asks it.
protocol URLParsing: Sendable {
    /// Nil unless `text` is an absolute http or https URL with a host.
    func parse(_ text: String) -> WebURL?

    /// Resolves each reference against `base` (RFC 3986 §5.2); nil where the result is no http(s) URL.
    func resolve(_ references: [String], against base: String) -> [WebURL?]
}
