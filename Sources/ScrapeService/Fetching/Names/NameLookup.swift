import Glibc

/// What a name was found to be.
enum NameLookup: Hashable, Sendable {
    /// In the order in which they are to be tried (RFC 6724); at least one.
    case addresses([IPAddress])
    case failed

    /// Longer names do not exist: 253 octets and a dot at the end (RFC 1035 §2.3.4).
    private static let maxNameBytes = 254

    /// Asks the system (getaddrinfo(3): hosts file, DNS, what nsswitch.conf names), and waits for its answer.
    ///
    /// Addresses of both families whatever this machine has, so that all of them are judged.
    static func system(_ name: String) -> NameLookup {
        guard name.utf8.count <= maxNameBytes else { return .failed }
        var hints = addrinfo()
        hints.ai_family = AF_UNSPEC
        // One answer an address, not one a kind of socket: SOCK_STREAM (socket(2)), whose Swift name belongs to
        // whichever C module was loaded first.
        hints.ai_socktype = 1
        var first: UnsafeMutablePointer<addrinfo>?
        guard getaddrinfo(name, nil, &hints, &first) == 0 else { return .failed }
        defer { freeaddrinfo(first) }
        var addresses: [IPAddress] = []
        var next = first
        while let info = next {
            guard
                let address = info.pointee.ai_addr.flatMap({ IPAddress($0, length: info.pointee.ai_addrlen) })
            else { return .failed }
            if !addresses.contains(address) { addresses.append(address) }
            next = info.pointee.ai_next
        }
        return addresses.isEmpty ? .failed : .addresses(addresses)
    }
}
