/// What this machine is called by itself alone.
enum LoopbackName {
    /// `host`: a Host field (RFC 9110 §7.2). `localhost` and names below it (RFC 6761 §6.3), 127.0.0.0/8 and `[::1]`,
    /// with or without a port.
    static func isOne(_ host: String) -> Bool {
        let host = host.lowercased()
        if host.hasPrefix("[") { return host == "[::1]" || host.hasPrefix("[::1]:") }
        var name = host.prefix { $0 != ":" }
        if name.hasSuffix(".") { name.removeLast() }
        if name == "localhost" || name.hasSuffix(".localhost") { return true }
        let octets = name.split(separator: ".", omittingEmptySubsequences: false).map { UInt8($0) }
        return octets.count == 4 && octets[0] == 127 && !octets.contains(nil)
    }
}
