/// How single bytes of a URL are written (RFC 3986 §2, WHATWG URL §1.3).
enum URLBytes {
    static let slash = UInt8(ascii: "/")
    static let backslash = UInt8(ascii: "\\")
    static let question = UInt8(ascii: "?")
    static let hash = UInt8(ascii: "#")
    static let percent = UInt8(ascii: "%")
    static let colon = UInt8(ascii: ":")
    static let dot = UInt8(ascii: ".")

    /// Which bytes a component may not hold as they are. Controls, space, DEL and non-ASCII never may.
    struct EncodeSet {
        private var low: UInt64 = 0xffff_ffff | 1 << 32
        private var high: UInt64 = 1 << 63

        init(_ characters: String) {
            for byte in characters.utf8 {
                if byte < 64 { low |= 1 << UInt64(byte) } else { high |= 1 << UInt64(byte - 64) }
            }
        }

        func contains(_ byte: UInt8) -> Bool {
            if byte < 64 { return low >> UInt64(byte) & 1 == 1 }
            return byte >= 128 || high >> UInt64(byte - 64) & 1 == 1
        }
    }

    static let path = EncodeSet("\"#<>?^`{}")
    static let query = EncodeSet("\"#<>'")
    static let userInformation = EncodeSet("\"#<>?^`{}/;=@[\\]|")

    static func isSlash(_ byte: UInt8) -> Bool { byte == slash || byte == backslash }

    static func isAlphabetic(_ byte: UInt8) -> Bool { (97...122).contains(byte | 0x20) }

    static func isDigit(_ byte: UInt8) -> Bool { (48...57).contains(byte) }

    /// RFC 3986 §2.3: never needs encoding.
    static func isUnreserved(_ byte: UInt8) -> Bool {
        isAlphabetic(byte) || isDigit(byte) || byte == 0x2d || byte == dot || byte == 0x5f || byte == 0x7e
    }

    static func hexValue(_ byte: UInt8) -> UInt8? {
        switch byte {
        case 48...57: byte - 48
        case 65...70: byte - 55
        case 97...102: byte - 87
        default: nil
        }
    }

    /// Appends `bytes` with percent-encoding normalised (RFC 3986 §6.2.2): unreserved characters decoded, hexadecimal
    /// digits in upper case, what may not stand there encoded, a percent sign that encodes nothing as `%25`.
    static func append(_ bytes: ArraySlice<UInt8>, _ set: EncodeSet, to out: inout [UInt8]) {
        var index = bytes.startIndex
        while index < bytes.endIndex {
            let byte = bytes[index]
            index += 1
            if byte == percent {
                if index + 1 < bytes.endIndex, let upper = hexValue(bytes[index]),
                    let lower = hexValue(bytes[index + 1])
                {
                    index += 2
                    let value = upper << 4 | lower
                    if isUnreserved(value) { out.append(value) } else { appendEncoded(value, to: &out) }
                } else {
                    appendEncoded(percent, to: &out)
                }
            } else if set.contains(byte) {
                appendEncoded(byte, to: &out)
            } else {
                out.append(byte)
            }
        }
    }

    private static func appendEncoded(_ byte: UInt8, to out: inout [UInt8]) {
        out.append(percent)
        out.append(upperHex(byte >> 4))
        out.append(upperHex(byte & 15))
    }

    private static func upperHex(_ digit: UInt8) -> UInt8 { digit < 10 ? 48 + digit : 55 + digit }
}
