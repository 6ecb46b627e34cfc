/// Percent-encoding of URIs (RFC 3986, section 2.1).
enum PercentEncoding {
    /// The text without its escapes; `nil` when an escape is malformed or the bytes are not UTF-8.
    static func decodeStrictly(_ text: some StringProtocol) -> String? {
        guard text.utf8.contains(UInt8(ascii: "%")) else { return String(text) }
        guard let bytes = decode(text, plusIsSpace: false, strict: true) else { return nil }
        return String(validating: bytes, as: UTF8.self)
    }

    /// A form's name or value: "+" is a space, malformed escapes stay as they are, bad UTF-8 is repaired.
    static func decodeForm(_ text: some StringProtocol) -> String {
        let escapes = text.utf8.contains { $0 == UInt8(ascii: "%") || $0 == UInt8(ascii: "+") }
        guard escapes else { return String(text) }
        return String(decoding: decode(text, plusIsSpace: true, strict: false) ?? [], as: UTF8.self)
    }

    private static func decode(_ text: some StringProtocol, plusIsSpace: Bool, strict: Bool) -> [UInt8]? {
        let bytes = Array(text.utf8)
        var decoded: [UInt8] = []
        decoded.reserveCapacity(bytes.count)
        var index = 0
        while index < bytes.count {
            let byte = bytes[index]
            index += 1
            if byte == UInt8(ascii: "+"), plusIsSpace {
                decoded.append(UInt8(ascii: " "))
            } else if byte != UInt8(ascii: "%") {
                decoded.append(byte)
            } else if index + 1 < bytes.count, let high = nibble(bytes[index]),
                let low = nibble(bytes[index + 1])
            {
                decoded.append(high << 4 | low)
                index += 2
            } else if strict {
                return nil
            } else {
                decoded.append(byte)
            }
        }
        return decoded
    }

    private static func nibble(_ byte: UInt8) -> UInt8? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
        default: nil
        }
    }
}
