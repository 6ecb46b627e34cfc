/// The name a crawler goes by in robots.txt, in lower case (RFC 9309 §2.2.1).
///
/// Letters, `_` and `-` by the RFC; digits too, as crawlers in use have them in their names.
enum ProductToken {
    /// The token of the groups for everybody else.
    static let anybody = "*"

    /// The token of a `User-Agent` field: what it begins with, or behind `compatible;` where it begins as browsers'
    /// do. Nil where it has none: then only the groups for everybody speak of it.
    static func ofField(_ userAgent: String) -> String? {
        let bytes = Array(userAgent.utf8)
        let first = leading(bytes[...])
        guard first == "mozilla" else { return first }
        let mark = Array("compatible;".utf8)
        var index = 0
        while index + mark.count <= bytes.count {
            if bytes[index..<(index + mark.count)].elementsEqual(mark, by: { lower($0) == $1 }) {
                let rest = bytes[(index + mark.count)...].drop { $0 == UInt8(ascii: " ") }
                return leading(rest) ?? first
            }
            index += 1
        }
        return first
    }

    /// The token of a `user-agent` line's value; what follows it (a version, a comment) is left out.
    static func ofLine(_ value: ArraySlice<UInt8>) -> String? {
        if value.first == UInt8(ascii: "*") {
            let next = value.dropFirst().first
            return next == nil || next == UInt8(ascii: " ") || next == UInt8(ascii: "\t") ? anybody : nil
        }
        return leading(value)
    }

    private static func leading(_ bytes: ArraySlice<UInt8>) -> String? {
        let token = bytes.prefix(while: isTokenByte)
        return token.isEmpty ? nil : String(decoding: token.map(lower), as: UTF8.self)
    }

    private static func isTokenByte(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, UInt8(ascii: "_"), UInt8(ascii: "-"): true
        default: false
        }
    }

    private static func lower(_ byte: UInt8) -> UInt8 { (0x41...0x5A).contains(byte) ? byte | 0x20 : byte }
}
