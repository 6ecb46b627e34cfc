import Glibc

/// An IPv4 or IPv6 address as a number, most significant byte first.
enum IPAddress: Hashable, Sendable {
    case v4(UInt32)
    case v6(UInt128)

    /// `::ffff:0:0/96`: an IPv4 address in IPv6 clothes (RFC 4291 §2.5.5.2).
    private static let mappedPrefix: UInt128 = 0xffff << 32

    /// Nil unless `text` is an address as inet_pton(3) reads it.
    init?(_ text: String) {
        var four = in_addr()
        var six = in6_addr()
        if inet_pton(AF_INET, text, &four) == 1 {
            self = .v4(UInt32(bigEndian: four.s_addr))
        } else if inet_pton(AF_INET6, text, &six) == 1 {
            self = .v6(Self.number(six))
        } else {
            return nil
        }
    }

    /// Nil for a family that is neither IPv4 nor IPv6, or a length too short for its family.
    init?(_ address: UnsafePointer<sockaddr>, length: socklen_t) {
        let raw = UnsafeRawPointer(address)
        // Its first field, sa_family: which C module owns that name depends on the order in which Swift loads them.
        switch Int32(raw.loadUnaligned(as: sa_family_t.self)) {
        case AF_INET where Int(length) >= MemoryLayout<sockaddr_in>.size:
            self = .v4(UInt32(bigEndian: raw.loadUnaligned(as: sockaddr_in.self).sin_addr.s_addr))
        case AF_INET6 where Int(length) >= MemoryLayout<sockaddr_in6>.size:
            self = .v6(Self.number(raw.loadUnaligned(as: sockaddr_in6.self).sin6_addr))
        default:
            return nil
        }
    }

    private static func number(_ address: in6_addr) -> UInt128 {
        withUnsafeBytes(of: address) { UInt128(bigEndian: $0.loadUnaligned(as: UInt128.self)) }
    }

    /// As inet_ntop(3) writes it.
    var text: String {
        var buffer = [CChar](repeating: 0, count: Int(INET6_ADDRSTRLEN))
        switch self {
        case .v4(let number):
            var address = in_addr(s_addr: number.bigEndian)
            inet_ntop(AF_INET, &address, &buffer, socklen_t(buffer.count))
        case .v6(let number):
            var address = number.bigEndian
            inet_ntop(AF_INET6, &address, &buffer, socklen_t(buffer.count))
        }
        return String(decoding: buffer.prefix { $0 != 0 }.map(UInt8.init), as: UTF8.self)
    }

    var bitWidth: Int {
        switch self {
        case .v4: 32
        case .v6: 128
        }
    }

    /// The IPv4 address a mapped one stands for, any other itself.
    var unmapped: IPAddress {
        guard case .v6(let number) = self, number >> 32 == Self.mappedPrefix >> 32 else { return self }
        return .v4(UInt32(truncatingIfNeeded: number))
    }
}
