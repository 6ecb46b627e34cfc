/// The host and port that a URL leads to.
struct URLHost: Hashable, Sendable {
    /// Lower case; an IPv6 address without brackets.
    var name: String
    var port: Int

    /// Nil only for what no ``URLParsing`` has made.
    init?(_ url: WebURL) {
        let text = url.text.utf8
        let isSecure = url.text.hasPrefix("https:")
        let authorityAndPath = text.dropFirst(isSecure ? 8 : 7)
        let slash = authorityAndPath.firstIndex(of: URLBytes.slash) ?? authorityAndPath.endIndex
        var authority = authorityAndPath[..<slash]
        if let at = authority.lastIndex(of: UInt8(ascii: "@")) {
            authority = authority[text.index(after: at)...]
        }
        var host = authority
        port = isSecure ? 443 : 80
        // The last colon: before it there may be those of an IPv6 address, which ends with a bracket.
        if let colon = authority.lastIndex(of: URLBytes.colon), authority.last != UInt8(ascii: "]") {
            guard let number = Int(String(authority[text.index(after: colon)...]) ?? "") else { return nil }
            port = number
            host = authority[..<colon]
        }
        if host.first == UInt8(ascii: "[") { host = host.dropFirst().dropLast() }
        guard !host.isEmpty, let name = String(host) else { return nil }
        self.name = name
    }
}
