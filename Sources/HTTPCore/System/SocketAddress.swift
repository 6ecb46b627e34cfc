import Glibc

/// What counts as one client: an IPv4 address, or an IPv6 /64, of which each subscriber has one at least (RFC 6177).
/// Both in network order.
enum ClientNetwork: Hashable {
    case ipv4(UInt32)
    case ipv6(prefix: UInt64)
}

/// An IP address and a port.
struct SocketAddress {
    private var storage = sockaddr_storage()
    private var length = socklen_t(MemoryLayout<sockaddr_storage>.size)

    /// The addresses of a name or a number; a `passive` one may be bound. Names block on the resolver.
    static func resolve(_ host: String, port: Int, passive: Bool) throws(SystemError) -> [SocketAddress] {
        guard UInt16(exactly: port) != nil else { throw SystemError(call: "getaddrinfo", errno: EINVAL) }
        var hints = addrinfo()
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        hints.ai_flags = AI_NUMERICSERV | (passive ? AI_PASSIVE : 0)
        var first: UnsafeMutablePointer<addrinfo>?
        let code = getaddrinfo(host, String(port), &hints, &first)
        guard code == 0, let first else {
            throw SystemError(call: "getaddrinfo", errno: code == EAI_SYSTEM ? errno : EADDRNOTAVAIL)
        }
        defer { freeaddrinfo(first) }
        var addresses: [SocketAddress] = []
        var next: UnsafeMutablePointer<addrinfo>? = first
        while let entry = next {
            var address = SocketAddress()
            memcpy(&address.storage, entry.pointee.ai_addr, Int(entry.pointee.ai_addrlen))
            address.length = entry.pointee.ai_addrlen
            addresses.append(address)
            next = entry.pointee.ai_next
        }
        return addresses
    }

    var family: Int32 { Int32(storage.ss_family) }

    var port: Int {
        let copy = storage
        return withUnsafeBytes(of: copy) { bytes in
            // sin_port and sin6_port both follow the two bytes of the family, in network order.
            Int(bytes[2]) << 8 | Int(bytes[3])
        }
    }

    /// The number, such as `127.0.0.1` or `::1`, without the port.
    var host: String? {
        var name = [CChar](repeating: 0, count: Int(NI_MAXHOST))
        let code = withPointer { pointer, length in
            getnameinfo(pointer, length, &name, socklen_t(name.count), nil, 0, NI_NUMERICHOST)
        }
        guard code == 0 else { return nil }
        return name.withUnsafeBufferPointer { String(cString: $0.baseAddress!) }
    }

    /// What counts as one client.
    var network: ClientNetwork {
        let copy = storage
        return withUnsafeBytes(of: copy) { bytes in
            // sin_addr begins at byte 4, sin6_addr at byte 8.
            if family == AF_INET { return .ipv4(bytes.loadUnaligned(fromByteOffset: 4, as: UInt32.self)) }
            let (prefix, rest) = bytes.loadUnaligned(fromByteOffset: 8, as: (UInt64, UInt64).self)
            // ::ffff:a.b.c.d is how a socket of both families shows an IPv4 client (RFC 4291, section 2.5.5.2).
            if prefix == 0, UInt32(truncatingIfNeeded: rest.littleEndian) == 0xFFFF_0000 {
                return .ipv4(bytes.loadUnaligned(fromByteOffset: 20, as: UInt32.self))
            }
            return .ipv6(prefix: prefix)
        }
    }

    func withPointer<Result>(_ body: (UnsafePointer<sockaddr>, socklen_t) -> Result) -> Result {
        withUnsafePointer(to: storage) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { body($0, length) }
        }
    }

    /// An address filled in by a system call.
    static func filled(
        _ body: (UnsafeMutablePointer<sockaddr>, UnsafeMutablePointer<socklen_t>) -> Void
    ) -> SocketAddress {
        var address = SocketAddress()
        withUnsafeMutablePointer(to: &address.storage) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { body($0, &address.length) }
        }
        return address
    }
}
