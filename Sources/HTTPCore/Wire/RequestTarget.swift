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
            (path, query) = try Self.split(bytes, target)
            authority = nil
        } else if bytes.matches(target, exactly: "*") {
            // These forms "MUST NOT be used with other methods" (RFC 9110, section 7.1).
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
                (path, query) = try Self.split(bytes, rest)
            } else {
                (path, query) = ("/", bytes.text(rest.dropFirst()))
            }
        }
    }

    /// Path and query. What clients send unescaped against the grammar, such as quotes, passes; what is read in two
    /// ways does not: a backslash, half an escape, the escape of a control.
    private static func split(
        _ bytes: Span<UInt8>, _ range: Range<Int>
    ) throws(HTTPError) -> (String, String?) {
        for index in range {
            switch bytes[index] {
            case Byte.question:
                return (bytes.text(range.lowerBound..<index), bytes.text(index + 1..<range.upperBound))
            case UInt8(ascii: "%"): try checkEscape(bytes, index, end: range.upperBound)
            case UInt8(ascii: "\\"): throw .malformed("The path has a backslash.")
            default: break
            }
        }
        return (bytes.text(range), nil)
    }

    /// `"%" HEXDIG HEXDIG` (RFC 3986, section 2.1).
    private static func checkEscape(_ bytes: Span<UInt8>, _ index: Int, end: Int) throws(HTTPError) {
        guard index + 2 < end, let high = Byte.hexValue(bytes[index + 1]),
            let low = Byte.hexValue(bytes[index + 2])
        else { throw .malformed("The path has a malformed percent-escape.") }
        let byte = high << 4 | low
        if byte < Byte.space || byte == Byte.delete { throw .malformed("The path has an escaped control.") }
    }

    /// The authority of `http://authority/path`: a host, no userinfo. "A server MUST accept the absolute-form"
    /// (RFC 9112, section 3.2.2); of an empty host, a recipient "MUST reject it as invalid" (RFC 9110, section 4.2.1).
    private static func authority(_ bytes: Span<UInt8>, _ target: Range<Int>) throws(HTTPError) -> Range<Int>
    {
        let start: Int
        if target.count > 7, bytes.matches(target.prefix(7), caseInsensitively: "http://") {
            start = target.lowerBound + 7
        } else if target.count > 8, bytes.matches(target.prefix(8), caseInsensitively: "https://") {
            // It "MUST be rejected unless it has been received over a connection that has been secured" (RFC 9110,
            // section 7.4).
            throw HTTPError(.misdirectedRequest, "This connection is not one for https.")
        } else {
            throw .malformed("The request target has no form that this server knows.")
        }
        var end = start
        while end < target.upperBound, bytes[end] != Byte.slash, bytes[end] != Byte.question { end += 1 }
        guard HostGrammar.isValid(bytes, start..<end) else {
            throw .malformed("The authority of the request target is not a host.")
        }
        return start..<end
    }
}
