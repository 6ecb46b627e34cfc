/// The form in which the paths of rules and of URLs are compared (RFC 9309 §2.2.2): octets outside ASCII and those
/// that no URL may hold are percent-encoded, encoded unreserved ones decoded, hexadecimal digits in upper case.
enum RobotsOctets {
    static let star = UInt8(ascii: "*")
    static let dollar = UInt8(ascii: "$")
    static let question = UInt8(ascii: "?")
    private static let percent = UInt8(ascii: "%")

    /// Every `*` and `$` is encoded as well, but for a pattern's wildcards.
    static func normalize(_ bytes: some Collection<UInt8>, keepsWildcards: Bool) -> [UInt8] {
        var out: [UInt8] = []
        out.reserveCapacity(bytes.count)
        var index = bytes.startIndex
        while index < bytes.endIndex {
            let byte = bytes[index]
            if byte == percent, let value = encoded(in: bytes, at: index) {
                if isUnreserved(value) { out.append(value) } else { append(value, to: &out) }
                index = bytes.index(index, offsetBy: 3)
                continue
            }
            if isKept(byte) || keepsWildcards && byte == star {
                out.append(byte)
            } else {
                append(byte, to: &out)
            }
            index = bytes.index(after: index)
        }
        return out
    }

    /// Behind the first `?` these say the same encoded and not (the table of RFC 9309 §2.2.2 has `http://` in a query
    /// equal `http%3A%2F%2F`): decoded. Nil where that changes nothing.
    static func queryForm(_ normal: [UInt8]) -> [UInt8]? {
        guard let mark = normal.firstIndex(of: question), normal[mark...].contains(percent) else {
            return nil
        }
        var out = Array(normal[...mark])
        var index = mark + 1
        while index < normal.count {
            if normal[index] == percent, let value = encoded(in: normal, at: index), isQueryData(value) {
                out.append(value)
                index += 3
            } else {
                out.append(normal[index])
                index += 1
            }
        }
        return out.count == normal.count ? nil : out
    }

    /// The octet that a percent sign and two digits stand for.
    private static func encoded<Bytes: Collection<UInt8>>(in bytes: Bytes, at index: Bytes.Index) -> UInt8? {
        guard let first = bytes.index(index, offsetBy: 1, limitedBy: bytes.endIndex), first < bytes.endIndex,
            let second = bytes.index(first, offsetBy: 1, limitedBy: bytes.endIndex), second < bytes.endIndex,
            let high = hexValue(bytes[first]), let low = hexValue(bytes[second])
        else { return nil }
        return high << 4 | low
    }

    private static func append(_ value: UInt8, to out: inout [UInt8]) {
        out.append(percent)
        for digit in [value >> 4, value & 15] { out.append(digit < 10 ? 0x30 + digit : 0x37 + digit) }
    }

    private static func hexValue(_ byte: UInt8) -> UInt8? {
        switch byte {
        case 0x30...0x39: byte - 0x30
        case 0x41...0x46: byte - 0x37
        case 0x61...0x66: byte - 0x57
        default: nil
        }
    }

    /// RFC 3986 §2.3.
    private static func isUnreserved(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x30...0x39, 0x41...0x5A, 0x61...0x7A: true
        default: byte == UInt8(ascii: "-") || byte == UInt8(ascii: ".") || byte == 0x5F || byte == 0x7E
        }
    }

    /// Delimiters that mean another thing encoded. Not `'`, `[` and `]`: canonical URLs differ in writing them.
    private static func isKept(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "/"), question, UInt8(ascii: ":"), UInt8(ascii: "@"), UInt8(ascii: "!"),
            UInt8(ascii: "&"), UInt8(ascii: "("), UInt8(ascii: ")"), UInt8(ascii: "+"), UInt8(ascii: ","),
            UInt8(ascii: ";"), UInt8(ascii: "="):
            true
        default: isUnreserved(byte)
        }
    }

    /// RFC 3986 §3.4: these may stand in a query as they are, where they delimit nothing.
    private static func isQueryData(_ byte: UInt8) -> Bool {
        byte == UInt8(ascii: "/") || byte == question || byte == UInt8(ascii: ":")
            || byte == UInt8(ascii: "@")
    }
}

/// Path and query of a URL, ready to be matched against many rules.
struct RobotsTarget: Sendable {
    let octets: [UInt8]
    let queryForm: [UInt8]?

    /// `text` as it stands in the URL, from the path's first slash.
    init(_ text: String) {
        octets = RobotsOctets.normalize(text.utf8, keepsWildcards: false)
        queryForm = RobotsOctets.queryForm(octets)
    }
}
