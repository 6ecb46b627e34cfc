/// `uri-host [ ":" port ]` (RFC 9110, section 7.2; RFC 3986, section 3.2.2).
enum HostGrammar {
    /// Whether `range` of `bytes` is a host with or without a port.
    ///
    /// The grammar has an empty host, `http` has none: "If the target URI's authority component is empty and its URI
    /// scheme requires a non-empty authority […], the server can reject the request" (RFC 9112, section 3.3).
    static func isValid(_ bytes: Span<UInt8>, _ range: Range<Int>) -> Bool {
        var index = range.lowerBound
        guard index < range.upperBound, bytes[index] != Byte.colon else { return false }
        if bytes[index] == UInt8(ascii: "[") {
            guard let end = literalEnd(bytes, range) else { return false }
            index = end
        } else {
            index = bytes.endOfPlainName(range)
            while index < range.upperBound, bytes[index] != Byte.colon {
                guard let next = nameCharacter(bytes, index, range.upperBound) else { return false }
                index = next
            }
        }
        return isPort(bytes, index..<range.upperBound)
    }

    /// Past one `unreserved`, `sub-delim` or `pct-encoded`.
    private static func nameCharacter(_ bytes: Span<UInt8>, _ index: Int, _ end: Int) -> Int? {
        if ByteSet.registeredName.contains(bytes[index]) { return index + 1 }
        guard bytes[index] == UInt8(ascii: "%"), index + 2 < end,
            Byte.hexValue(bytes[index + 1]) != nil, Byte.hexValue(bytes[index + 2]) != nil
        else { return nil }
        return index + 3
    }

    /// Empty, or a colon and a number up to 65535, which may be empty as well.
    private static func isPort(_ bytes: Span<UInt8>, _ range: Range<Int>) -> Bool {
        guard !range.isEmpty else { return true }
        guard bytes[range.lowerBound] == Byte.colon else { return false }
        var port = 0
        for index in range.dropFirst() {
            guard Byte.isDigit(bytes[index]) else { return false }
            port = port * 10 + Int(bytes[index] - UInt8(ascii: "0"))
            if port > 65535 { return false }
        }
        return true
    }

    /// Past `"[" ( IPv6address / IPvFuture ) "]"`.
    private static func literalEnd(_ bytes: Span<UInt8>, _ range: Range<Int>) -> Int? {
        let start = range.lowerBound + 1
        guard let end = (start..<range.upperBound).first(where: { bytes[$0] == UInt8(ascii: "]") }) else {
            return nil
        }
        let isFuture = start < end && Byte.lowercased(bytes[start]) == UInt8(ascii: "v")
        let valid = isFuture ? isFutureAddress(bytes, start + 1..<end) : isIPv6(bytes, start..<end)
        return valid ? end + 1 : nil
    }

    /// `1*HEXDIG "." 1*( unreserved / sub-delims / ":" )` behind the "v".
    private static func isFutureAddress(_ bytes: Span<UInt8>, _ range: Range<Int>) -> Bool {
        guard let dot = range.first(where: { bytes[$0] == UInt8(ascii: ".") }),
            dot > range.lowerBound, dot + 1 < range.upperBound
        else { return false }
        return (range.lowerBound..<dot).allSatisfy { Byte.hexValue(bytes[$0]) != nil }
            && (dot + 1..<range.upperBound).allSatisfy {
                ByteSet.registeredName.contains(bytes[$0]) || bytes[$0] == Byte.colon
            }
    }

    /// Eight groups of 1…4 hex digits; one "::" stands for one or more of them; the last two may be an IPv4 address.
    private static func isIPv6(_ bytes: Span<UInt8>, _ range: Range<Int>) -> Bool {
        var index = range.lowerBound
        var groups = 0
        var gap = false
        if index + 1 < range.upperBound, bytes[index] == Byte.colon, bytes[index + 1] == Byte.colon {
            gap = true
            index += 2
        }
        while index < range.upperBound {
            let start = index
            while index < range.upperBound, Byte.hexValue(bytes[index]) != nil { index += 1 }
            if index < range.upperBound, bytes[index] == UInt8(ascii: ".") {
                groups += 2
                return isIPv4(bytes, start..<range.upperBound) && (gap ? groups < 8 : groups == 8)
            }
            guard (1...4).contains(index - start) else { return false }
            groups += 1
            guard index < range.upperBound else { break }
            guard bytes[index] == Byte.colon else { return false }
            index += 1
            if index < range.upperBound, bytes[index] == Byte.colon {
                if gap { return false }
                gap = true
                index += 1
            } else if index == range.upperBound {
                return false
            }
        }
        return gap ? groups < 8 : groups == 8
    }

    /// Four numbers up to 255 without leading zeros.
    private static func isIPv4(_ bytes: Span<UInt8>, _ range: Range<Int>) -> Bool {
        var parts = 0
        var index = range.lowerBound
        while index < range.upperBound {
            let start = index
            var value = 0
            while index < range.upperBound, Byte.isDigit(bytes[index]), index - start < 4 {
                value = value * 10 + Int(bytes[index] - UInt8(ascii: "0"))
                index += 1
            }
            let length = index - start
            let leadingZero = length > 1 && bytes[start] == UInt8(ascii: "0")
            guard length > 0, value <= 255, !leadingZero else { return false }
            parts += 1
            if index == range.upperBound { break }
            guard bytes[index] == UInt8(ascii: "."), index + 1 < range.upperBound else { return false }
            index += 1
        }
        return parts == 4
    }
}

extension Span<UInt8> {
    /// Past the letters, digits, dots and hyphens that a host name is made of as a rule.
    fileprivate func endOfPlainName(_ range: Range<Int>) -> Int {
        precondition(range.lowerBound >= 0 && range.upperBound <= count)
        var index = range.lowerBound
        while index < range.upperBound {
            let byte = self[unchecked: index]
            guard
                Byte.isDigit(byte) || Byte.lowercased(byte) &- UInt8(ascii: "a") < 26
                    || byte &- UInt8(ascii: "-") < 2
            else { break }
            index += 1
        }
        return index
    }
}
