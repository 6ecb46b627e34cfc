/// Resolves references against one base (RFC 3986 §5.2, with what browsers forgive: WHATWG URL §4.4).
struct URLResolver {
    typealias Bytes = ArraySlice<UInt8>

    private enum Scheme {
        case http, https

        var prefix: String {
            switch self {
            case .http: "http://"
            case .https: "https://"
            }
        }
        var defaultPort: Int {
            switch self {
            case .http: 80
            case .https: 443
            }
        }
    }

    /// A canonical URL in its pieces.
    private struct Base {
        var scheme: Scheme
        /// Scheme and authority, up to the path.
        var origin: [UInt8]
        var path: [UInt8]
        /// With its question mark, or empty.
        var query: [UInt8]
        /// The path up to and with its last slash.
        var directory: [UInt8]
    }

    /// An authority as written under a scheme: a page's links name few of them, each many times.
    private struct WrittenAuthority: Hashable {
        var scheme: Scheme
        var bytes: [UInt8]
    }

    private let base: Base?
    private var origins: [WrittenAuthority: [UInt8]?] = [:]
    private var out: [UInt8] = []

    init(base: WebURL?) {
        self.base = base.flatMap(Self.split)
        out.reserveCapacity(256)
    }

    /// Nil where the result is no http or https URL with a host, or is longer than `CurlURLs.maxURLBytes`.
    mutating func resolve(_ reference: String) -> WebURL? {
        guard reference.utf8.count <= CurlURLs.maxURLBytes else { return nil }
        return resolve(Array(reference.utf8))
    }

    mutating func resolve(_ reference: [UInt8]) -> WebURL? {
        guard reference.count <= CurlURLs.maxURLBytes else { return nil }
        let trimmed = Self.trim(reference[...])
        // Browsers drop tabs and newlines wherever they are.
        if trimmed.contains(where: { $0 == 9 || $0 == 10 || $0 == 13 }) {
            let cleaned = trimmed.filter { $0 != 9 && $0 != 10 && $0 != 13 }
            return resolve(bytes: Self.trim(cleaned[...]))
        }
        return resolve(bytes: trimmed)
    }

    private mutating func resolve(bytes: Bytes) -> WebURL? {
        out.removeAll(keepingCapacity: true)
        guard write(bytes), out.count <= CurlURLs.maxURLBytes else { return nil }
        return WebURL(canonical: String(decoding: out, as: UTF8.self))
    }

    /// Writes the result to `out`; false where there is none.
    private mutating func write(_ reference: Bytes) -> Bool {
        guard let colon = Self.schemeEnd(reference) else { return writeRelative(reference) }
        let rest = reference[(colon + 1)...]
        guard let scheme = Self.scheme(reference[..<colon]) else { return false }
        // "http:page.html" is relative to a base of the same scheme, as browsers have it (RFC 3986 §5.4.2).
        if scheme == base?.scheme && !Self.startsWithTwoSlashes(rest) { return writeRelative(rest) }
        return writeAbsolute(rest, scheme)
    }

    private mutating func writeRelative(_ reference: Bytes) -> Bool {
        guard let base else { return false }
        if Self.startsWithTwoSlashes(reference) { return writeAbsolute(reference, base.scheme) }
        out.append(contentsOf: base.origin)
        switch reference.first {
        case nil, URLBytes.hash:
            out.append(contentsOf: base.path)
            out.append(contentsOf: base.query)
        case URLBytes.question:
            out.append(contentsOf: base.path)
            writeQuery(reference)
        case let first? where URLBytes.isSlash(first):
            writePath(reference.dropFirst(), directory: [URLBytes.slash])
        default:
            writePath(reference, directory: base.directory)
        }
        return true
    }

    /// `rest` begins with the slashes before the authority, however many (browsers take none or ten for two).
    private mutating func writeAbsolute(_ rest: Bytes, _ scheme: Scheme) -> Bool {
        let authority = rest.drop(while: URLBytes.isSlash)
        let end =
            authority.firstIndex { URLBytes.isSlash($0) || $0 == URLBytes.question || $0 == URLBytes.hash }
            ?? authority.endIndex
        guard let origin = origin(authority[..<end], scheme) else { return false }
        out.append(contentsOf: origin)
        let path = authority[end...]
        writePath(
            path.first.map(URLBytes.isSlash) == true ? path.dropFirst() : path, directory: [URLBytes.slash])
        return true
    }

    /// Writes `directory` and the path behind it, dot segments resolved (RFC 3986 §5.2.4), then the query.
    private mutating func writePath(_ reference: Bytes, directory: [UInt8]) {
        let start = out.count
        out.append(contentsOf: directory)
        var index = reference.startIndex
        while true {
            let tail = reference[index...]
            let end =
                tail.firstIndex { URLBytes.isSlash($0) || $0 == URLBytes.question || $0 == URLBytes.hash }
                ?? tail.endIndex
            let isLast = end == tail.endIndex || !URLBytes.isSlash(tail[end])
            switch Self.dots(tail[..<end]) {
            case 1: break
            case 2: dropLastSegment(downTo: start)
            default:
                URLBytes.append(tail[..<end], URLBytes.path, to: &out)
                if !isLast { out.append(URLBytes.slash) }
            }
            if isLast { return writeQuery(tail[end...]) }
            index = end + 1
        }
    }

    /// `out` ends with a slash; takes the segment before it away, never the slash at `start`.
    private mutating func dropLastSegment(downTo start: Int) {
        guard out.count > start + 1 else { return }
        out.removeLast()
        while out.last != URLBytes.slash { out.removeLast() }
    }

    /// `reference` is at its question mark, its fragment or its end.
    private mutating func writeQuery(_ reference: Bytes) {
        guard reference.first == URLBytes.question else { return }
        let end = reference.firstIndex(of: URLBytes.hash) ?? reference.endIndex
        out.append(URLBytes.question)
        URLBytes.append(reference[..<end].dropFirst(), URLBytes.query, to: &out)
    }

    // MARK: Authorities

    private mutating func origin(_ authority: Bytes, _ scheme: Scheme) -> [UInt8]? {
        let key = WrittenAuthority(scheme: scheme, bytes: Array(authority))
        if let known = origins[key] { return known }
        let origin = Self.origin(authority, scheme)
        origins[key] = .some(origin)
        return origin
    }

    private static func origin(_ authority: Bytes, _ scheme: Scheme) -> [UInt8]? {
        let at = authority.lastIndex(of: UInt8(ascii: "@"))
        let hostAndPort = at.map { authority[($0 + 1)...] } ?? authority
        guard let host = CurlHost(authority: hostAndPort) else { return nil }
        var origin = Array(scheme.prefix.utf8)
        let credentials = at.map { Self.withoutEmptyPassword(authority[..<$0]) } ?? []
        if !credentials.isEmpty {
            URLBytes.append(credentials, URLBytes.userInformation, to: &origin)
            origin.append(UInt8(ascii: "@"))
        }
        origin.append(contentsOf: host.text.utf8)
        if let port = host.port, port != scheme.defaultPort {
            origin.append(contentsOf: ":\(port)".utf8)
        }
        return origin
    }

    /// `user:` is `user`, and `:` is nobody.
    private static func withoutEmptyPassword(_ credentials: Bytes) -> Bytes {
        let colon = credentials.firstIndex(of: URLBytes.colon)
        return colon == credentials.endIndex - 1 ? credentials.dropLast() : credentials
    }

    // MARK: Reading

    /// C0 controls and spaces at both ends are not part of a URL (WHATWG URL §4.4).
    private static func trim(_ bytes: Bytes) -> Bytes {
        var bytes = bytes.drop { $0 <= 0x20 }
        while let last = bytes.last, last <= 0x20 { bytes.removeLast() }
        return bytes
    }

    /// Where the colon after a scheme is (RFC 3986 §3.1), whatever the scheme.
    private static func schemeEnd(_ bytes: Bytes) -> Int? {
        guard let first = bytes.first, URLBytes.isAlphabetic(first) else { return nil }
        let end = bytes.firstIndex { byte in
            !(URLBytes.isAlphabetic(byte) || URLBytes.isDigit(byte) || byte == 0x2b || byte == 0x2d
                || byte == URLBytes.dot)
        }
        guard let end, bytes[end] == URLBytes.colon else { return nil }
        return end
    }

    private static func scheme(_ name: Bytes) -> Scheme? {
        if name.elementsEqual("http".utf8, by: { $0 | 0x20 == $1 }) { return .http }
        if name.elementsEqual("https".utf8, by: { $0 | 0x20 == $1 }) { return .https }
        return nil
    }

    private static func startsWithTwoSlashes(_ bytes: Bytes) -> Bool {
        bytes.count >= 2 && bytes.prefix(2).allSatisfy(URLBytes.isSlash)
    }

    /// 1 or 2 for the segments "." and "..", encoded or not, else 0.
    private static func dots(_ segment: Bytes) -> Int {
        guard segment.count <= 6, let first = segment.first,
            first == URLBytes.dot || first == URLBytes.percent
        else { return 0 }
        var count = 0
        var rest = segment
        while let byte = rest.first {
            if byte == URLBytes.dot {
                rest = rest.dropFirst()
            } else if rest.count >= 3,
                rest.prefix(3).elementsEqual("%2e".utf8, by: { $0 | 0x20 == $1 | 0x20 })
            {
                rest = rest.dropFirst(3)
            } else {
                return 0
            }
            count += 1
        }
        return count <= 2 ? count : 0
    }

    /// A canonical URL taken apart again.
    private static func split(_ url: WebURL) -> Base? {
        let bytes = Array(url.text.utf8)
        let scheme: Scheme = url.text.hasPrefix("https:") ? .https : .http
        let authority = scheme.prefix.utf8.count
        guard bytes.count > authority, let slash = bytes[authority...].firstIndex(of: URLBytes.slash) else {
            return nil
        }
        let question = bytes[slash...].firstIndex(of: URLBytes.question) ?? bytes.endIndex
        let path = bytes[slash..<question]
        let lastSlash = path.lastIndex(of: URLBytes.slash) ?? slash
        return Base(
            scheme: scheme, origin: Array(bytes[..<slash]), path: Array(path),
            query: Array(bytes[question...]),
            directory: Array(bytes[slash...lastSlash]))
    }
}
