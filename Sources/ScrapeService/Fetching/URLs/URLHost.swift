/// The host and port that a URL leads to.
struct URLHost: Hashable, Sendable {
    /// Lower case; an IPv6 address without brackets.
    var name: String
    var port: Int

    /// Nil only for what no ``URLParsing`` has made.
    init?(_ url: WebURL) {
        var text = url.text
        let parts = text.withUTF8 { Self.split($0) }
        guard let parts else { return nil }
        (name, port) = parts
    }

    private static func split(_ text: UnsafeBufferPointer<UInt8>) -> (String, Int)? {
        let isSecure = text.count > 4 && text[4] == UInt8(ascii: "s")
        var start = isSecure ? 8 : 7
        var end = start
        // Of the port, if there is one: the last colon that no bracket follows.
        var colon: Int?
        while end < text.count, text[end] != URLBytes.slash {
            switch text[end] {
            case UInt8(ascii: "@"): (start, colon) = (end + 1, nil)
            case UInt8(ascii: "]"): colon = nil
            case URLBytes.colon: colon = end
            default: break
            }
            end += 1
        }
        var port = isSecure ? 443 : 80
        if let colon {
            port = 0
            for byte in text[(colon + 1)..<end] {
                guard URLBytes.isDigit(byte), port <= 65535 else { return nil }
                port = port * 10 + Int(byte - 48)
            }
            end = colon
        }
        if start < end, text[start] == UInt8(ascii: "[") { (start, end) = (start + 1, end - 1) }
        guard start < end else { return nil }
        return (String(decoding: UnsafeBufferPointer(rebasing: text[start..<end]), as: UTF8.self), port)
    }
}
