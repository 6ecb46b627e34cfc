/// A network: an address and how many of its leading bits count (RFC 4632 §3.1, RFC 4291 §2.3).
struct CIDR: Hashable, Sendable {
    let address: IPAddress
    let prefixLength: Int

    /// Why a text is no network, in words for the person who wrote it.
    struct ParseError: Error, Hashable, Sendable, CustomStringConvertible {
        let text: String
        let reason: String
        var description: String { "\"\(text)\" is no network: \(reason)" }
    }

    /// Reads `10.0.0.0/8` or `fd00::/8`; a bare address is the network of itself alone.
    ///
    /// A network of mapped addresses (`::ffff:10.0.0.0/104`) is the IPv4 network it stands for.
    init(_ text: String) throws(ParseError) {
        let parts = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        guard let written = IPAddress(String(parts[0])) else {
            throw ParseError(text: text, reason: "it does not begin with an IPv4 or IPv6 address")
        }
        var length = written.bitWidth
        if parts.count == 2 {
            let digits = parts[1]
            guard !digits.isEmpty, digits.utf8.allSatisfy({ (48...57).contains($0) }),
                let number = Int(digits), number <= written.bitWidth
            else {
                let range = "0…\(written.bitWidth)"
                throw ParseError(text: text, reason: "the prefix length after \"/\" must be \(range)")
            }
            length = number
        }
        guard Self.leadingBits(of: written, length) == written else {
            throw ParseError(text: text, reason: "it has bits set behind the first \(length)")
        }
        if length >= 96, case .v4(let number) = written.unmapped, written.bitWidth == 128 {
            address = .v4(number)
            prefixLength = length - 96
        } else {
            address = written
            prefixLength = length
        }
    }

    func contains(_ candidate: IPAddress) -> Bool {
        candidate.bitWidth == address.bitWidth && Self.leadingBits(of: candidate, prefixLength) == address
    }

    private static func leadingBits(of address: IPAddress, _ length: Int) -> IPAddress {
        switch address {
        case .v4(let number): .v4(number & ~(UInt32.max >> UInt32(length)))
        case .v6(let number): .v6(number & ~(UInt128.max >> UInt128(length)))
        }
    }
}
