import HTTPTypes

/// A request target in one of its forms (RFC 9112, section 3.2).
struct RequestTarget {
    let path: String
    let query: String?
    /// Of the absolute form; it stands above `Host`.
    let authority: Range<Int>?

    init(_ bytes: Span<UInt8>, method: Range<Int>, target: Range<Int>) throws(HTTPError) {
        if bytes.matches(method, exactly: "CONNECT") {
            throw HTTPError(.notImplemented, "This server is no proxy.")
        }
        if bytes[target.lowerBound] == Byte.slash {
            (path, query) = Self.split(bytes, target)
            authority = nil
        } else if bytes.matches(target, exactly: "*") {
            guard bytes.matches(method, exactly: "OPTIONS") else {
                throw .malformed("Only OPTIONS has the target *.")
            }
            (path, query, authority) = ("*", nil, nil)
        } else {
            let host = try Self.authority(bytes, target)
            let rest = host.upperBound..<target.upperBound
            authority = host
            if rest.isEmpty {
                (path, query) = (bytes.matches(method, exactly: "OPTIONS") ? "*" : "/", nil)
            } else if bytes[rest.lowerBound] == Byte.slash {
                (path, query) = Self.split(bytes, rest)
            } else {
                (path, query) = ("/", bytes.text(rest.dropFirst()))
            }
        }
    }

    private static func split(_ bytes: Span<UInt8>, _ range: Range<Int>) -> (String, String?) {
        for index in range where bytes[index] == Byte.question {
            return (bytes.text(range.lowerBound..<index), bytes.text(index + 1..<range.upperBound))
        }
        return (bytes.text(range), nil)
    }

    /// The authority of `http://authority/path`: a host that is not empty, no userinfo.
    private static func authority(_ bytes: Span<UInt8>, _ target: Range<Int>) throws(HTTPError) -> Range<Int>
    {
        let start: Int
        if target.count > 7, bytes.matches(target.prefix(7), caseInsensitively: "http://") {
            start = target.lowerBound + 7
        } else if target.count > 8, bytes.matches(target.prefix(8), caseInsensitively: "https://") {
            start = target.lowerBound + 8
        } else {
            throw .malformed("The request target has no form that this server knows.")
        }
        var end = start
        while end < target.upperBound, bytes[end] != Byte.slash, bytes[end] != Byte.question { end += 1 }
        guard end > start, bytes[start] != Byte.colon, HostGrammar.isValid(bytes, start..<end) else {
            throw .malformed("The authority of the request target is not a host.")
        }
        return start..<end
    }
}
