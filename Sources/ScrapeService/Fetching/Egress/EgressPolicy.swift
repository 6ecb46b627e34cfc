/// Where fetches may go: globally routable addresses, and the networks the operator names (`--egress-allow`).
///
/// By IANA's special-purpose address registries (RFC 6890). Judged is the very address about to be dialled.
struct EgressPolicy: Sendable {
    /// Networks allowed whatever they are.
    var allowed: [CIDR] = []

    init(allowed: [CIDR] = []) { self.allowed = allowed }

    func allows(_ address: IPAddress) -> Bool {
        let address = address.unmapped
        if allowed.contains(where: { $0.contains(address) }) { return true }
        switch address {
        case .v4: return !SpecialAddresses.v4.contains { $0.contains(address) }
        case .v6(let number): return allowsIPv6(address, number)
        }
    }

    private func allowsIPv6(_ address: IPAddress, _ number: UInt128) -> Bool {
        // A translator or a 6to4 relay would pass the packet on to the IPv4 address inside.
        if SpecialAddresses.nat64.contains(address) {
            return allows(.v4(UInt32(truncatingIfNeeded: number)))
        }
        if SpecialAddresses.sixToFour.contains(address) {
            return allows(.v4(UInt32(truncatingIfNeeded: number >> 80)))
        }
        guard SpecialAddresses.globalUnicast.contains(address) else { return false }
        if SpecialAddresses.reachableV6.contains(where: { $0.contains(address) }) { return true }
        return !SpecialAddresses.v6.contains { $0.contains(address) }
    }
}

/// The registries' rows, as far as they matter here.
private enum SpecialAddresses {
    /// Not globally reachable.
    static let v4 = networks(
        "0.0.0.0/8",  // this network (RFC 791 §3.2)
        "10.0.0.0/8",  // private (RFC 1918)
        "100.64.0.0/10",  // carrier-grade NAT (RFC 6598)
        "127.0.0.0/8",  // loopback (RFC 1122 §3.2.1.3)
        "169.254.0.0/16",  // link-local, and where clouds keep their metadata (RFC 3927)
        "172.16.0.0/12",  // private (RFC 1918)
        "192.0.0.0/24",  // protocol assignments (RFC 6890 §2.1)
        "192.0.2.0/24",  // documentation (RFC 5737)
        "192.88.99.0/24",  // 6to4 relays, deprecated (RFC 7526)
        "192.168.0.0/16",  // private (RFC 1918)
        "198.18.0.0/15",  // benchmarking (RFC 2544)
        "198.51.100.0/24",  // documentation (RFC 5737)
        "203.0.113.0/24",  // documentation (RFC 5737)
        "224.0.0.0/4",  // multicast (RFC 5771)
        "240.0.0.0/4"  // reserved (RFC 1112 §4), and the limited broadcast 255.255.255.255
    )

    /// The only IPv6 unicast space allocated so far (RFC 4291 §2.4): all else is local, multicast or reserved.
    static let globalUnicast = network("2000::/3")
    /// Within it, not globally reachable.
    static let v6 = networks(
        "2001::/23",  // protocol assignments, Teredo among them (RFC 2928, RFC 4380)
        "2001:db8::/32",  // documentation (RFC 3849)
        "3fff::/20"  // documentation (RFC 9637)
    )
    /// Within `2001::/23`, globally reachable all the same.
    static let reachableV6 = networks(
        "2001:1::1/128",  // Port Control Protocol anycast (RFC 7723)
        "2001:1::2/128",  // TURN anycast (RFC 8155)
        "2001:3::/32",  // AMT (RFC 7450)
        "2001:4:112::/48",  // AS112 (RFC 7535)
        "2001:20::/28",  // ORCHIDv2 (RFC 7343)
        "2001:30::/28"  // drone remote identification (RFC 9374)
    )
    /// Judged by the IPv4 address in the last 32 bits (RFC 6052 §2.1).
    static let nat64 = network("64:ff9b::/96")
    /// Judged by the IPv4 address behind the first 16 bits (RFC 3056 §2).
    static let sixToFour = network("2002::/16")

    private static func networks(_ texts: String...) -> [CIDR] { texts.map(network) }

    private static func network(_ text: String) -> CIDR {
        // Constants of this file, every one read by the first test that asks for a policy.
        try! CIDR(text)
    }
}
