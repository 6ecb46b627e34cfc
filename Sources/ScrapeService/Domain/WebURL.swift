/// An absolute http(s) URL in the contract's canonical form: lower-case scheme and host, no default port,
/// no fragment, dot segments resolved, percent-encoding normalised (RFC 3986 §6.2.2).
struct WebURL: Hashable, Sendable, Codable {
    let text: String

    /// Only a ``URLParsing`` makes one from what a client or a page wrote.
    init(canonical text: String) { self.text = text }

    /// Scheme, host and port, without credentials: what connections and politeness are counted by.
    var origin: String {
        guard let authority else { return text }
        let scheme = text[..<authority.lowerBound]
        guard let at = text.utf8[authority].lastIndex(of: UInt8(ascii: "@")) else {
            return String(text[..<authority.upperBound])
        }
        return String(scheme) + text[text.utf8.index(after: at)..<authority.upperBound]
    }

    /// The host without port, an IPv6 address in brackets: what `same_host` compares, as a site may answer on several
    /// ports and with either scheme.
    var host: String {
        guard let authority else { return "" }
        let name = text[authority].split(separator: "@", omittingEmptySubsequences: false).last ?? ""
        let digits = name.utf8.reversed().prefix { (0x30...0x39).contains($0) }.count
        let end = name.utf8.index(name.endIndex, offsetBy: -digits)
        guard end > name.startIndex else { return String(name) }
        let colon = name.utf8.index(before: end)
        return name.utf8[colon] == UInt8(ascii: ":") ? String(name[..<colon]) : String(name)
    }

    /// Path and query, as a request line has them.
    var target: String {
        let target = authority.map { text[$0.upperBound...] } ?? ""
        return target.hasPrefix("/") ? String(target) : "/" + target
    }

    private var authority: Range<String.Index>? {
        guard let colon = text.utf8.firstIndex(of: UInt8(ascii: ":")),
            let start = text.utf8.index(colon, offsetBy: 3, limitedBy: text.utf8.endIndex)
        else { return nil }
        let rest = text.utf8[start...]
        let end = rest.firstIndex { $0 == UInt8(ascii: "/") || $0 == UInt8(ascii: "?") } ?? text.utf8.endIndex
        return start..<end
    }
}

/// Reads URLs as the web writes them. One implementation (libcurl's URL API); every room that needs a URL asks it.
protocol URLParsing: Sendable {
    /// Nil unless `text` is an absolute http or https URL with a host.
    func parse(_ text: String) -> WebURL?

    /// Resolves each reference against `base` (RFC 3986 §5.2); nil where the result is no http(s) URL.
    func resolve(_ references: [String], against base: String) -> [WebURL?]
}
