import Glibc
import Testing

@testable import ScrapeService

@Suite struct EgressPolicyTests {
    private func allows(_ address: String, _ allowed: [String] = []) throws -> Bool {
        let policy = EgressPolicy(allowed: try allowed.map { try CIDR($0) })
        return policy.allows(try #require(IPAddress(address)))
    }

    @Test(arguments: [
        // The first and last address of every special IPv4 block.
        "0.0.0.0", "0.255.255.255", "10.0.0.0", "10.255.255.255", "100.64.0.0", "100.127.255.255",
        "127.0.0.1",
        "127.255.255.255", "169.254.0.0", "169.254.169.254", "169.254.255.255", "172.16.0.0",
        "172.31.255.255",
        "192.0.0.0", "192.0.0.255", "192.0.2.0", "192.0.2.255", "192.88.99.0", "192.88.99.255", "192.168.0.0",
        "192.168.255.255", "198.18.0.0", "198.19.255.255", "198.51.100.0", "198.51.100.255", "203.0.113.0",
        "203.0.113.255", "224.0.0.1", "239.255.255.255", "240.0.0.0", "255.255.255.254", "255.255.255.255",
        // IPv6.
        "::", "::1", "::2", "::127.0.0.1", "::8.8.8.8", "100::", "100::1", "100:0:0:1::", "2001::",
        "2001:0:4136:e378::1", "2001:1::", "2001:1::4", "2001:2::1", "2001:10::1", "2001:1ff:ffff::1",
        "2001:db8::",
        "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff", "3fff::1", "3fff:fff::1", "4000::1", "5f00::1", "fc00::1",
        "fdff::1", "fe80::1", "febf::1", "fec0::1", "feff::1", "ff02::1", "ff0e::1", "64:ff9b:1::8.8.8.8",
        // An IPv4 address inside that may not be dialled.
        "::ffff:127.0.0.1", "::ffff:10.1.2.3", "::ffff:169.254.169.254", "::ffff:0.0.0.0",
        "64:ff9b::127.0.0.1",
        "64:ff9b::192.168.1.1", "2002:7f00:1::1", "2002:c0a8:101::1", "2002:a00:1::",
    ])
    func whatIsNotGloballyRoutableIsRefused(address: String) throws {
        #expect(try !allows(address))
    }

    @Test(arguments: [
        // The neighbours of the special blocks.
        "1.0.0.0", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0", "126.255.255.255",
        "128.0.0.0",
        "169.253.255.255", "169.255.0.0", "172.15.255.255", "172.32.0.0", "191.255.255.255", "192.0.1.0",
        "192.0.3.0", "192.88.98.255", "192.88.100.0", "192.167.255.255", "192.169.0.0", "198.17.255.255",
        "198.20.0.0", "198.51.99.255", "198.51.101.0", "203.0.112.255", "203.0.114.0", "223.255.255.255",
        "8.8.8.8",
        "2000::1", "2001:1::1", "2001:1::2", "2001:3::1", "2001:4:112::1", "2001:20::1", "2001:30::1",
        "2001:200::1", "2001:4860:4860::8888", "2001:db7:ffff::1", "2001:db9::", "2606:4700::1",
        "2a00:1450::1",
        "3ffe:ffff::1", "3fff:1000::1", "::ffff:8.8.8.8", "64:ff9b::8.8.8.8", "2002:808:808::1",
    ])
    func whatIsGloballyRoutablePasses(address: String) throws {
        #expect(try allows(address))
    }

    @Test(arguments: [
        ("127.0.0.1", "127.0.0.0/8", true), ("127.0.0.1", "127.0.0.1", true),
        ("127.0.0.2", "127.0.0.1", false),
        ("::ffff:127.0.0.1", "127.0.0.1", true), ("127.0.0.1", "::ffff:127.0.0.0/104", true),
        ("::1", "127.0.0.0/8", false), ("::1", "::1", true), ("::1", "::/0", true),
        ("10.0.0.1", "0.0.0.0/0", true),
        ("10.0.0.1", "::/0", false), ("fd00::1", "fd00::/8", true), ("64:ff9b::10.0.0.1", "10.0.0.0/8", true),
        ("2002:a00:1::", "10.0.0.0/8", true), ("192.168.1.1", "10.0.0.0/8", false),
        ("8.8.8.8", "10.0.0.0/8", true),
    ])
    func anAllowedNetworkPassesWhateverItIs(address: String, network: String, passes: Bool) throws {
        #expect(try allows(address, [network]) == passes)
    }

    @Test func socketAddressesAreReadByFamilyAndLength() throws {
        var four = sockaddr_in()
        four.sin_family = sa_family_t(AF_INET)
        four.sin_addr.s_addr = UInt32(0x0a01_0203).bigEndian
        var unix = sockaddr()
        unix.sa_family = sa_family_t(AF_UNIX)
        let length = socklen_t(MemoryLayout<sockaddr_in>.size)
        withUnsafePointer(to: &four) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                #expect(IPAddress($0, length: length) == IPAddress("10.1.2.3"))
                #expect(IPAddress($0, length: length - 1) == nil)
            }
        }
        #expect(IPAddress(&unix, length: 16) == nil)
        var six = sockaddr_in6()
        six.sin6_family = sa_family_t(AF_INET6)
        #expect(inet_pton(AF_INET6, "fd00::5", &six.sin6_addr) == 1)
        withUnsafePointer(to: &six) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                let address = IPAddress($0, length: socklen_t(MemoryLayout<sockaddr_in6>.size))
                #expect(address == IPAddress("fd00::5"))
            }
        }
    }
}

@Suite struct CIDRTests {
    @Test(arguments: [
        ("10.0.0.0/8", 8), ("127.0.0.1", 32), ("::1", 128), ("fd00::/8", 8), ("0.0.0.0/0", 0), ("::/0", 0),
        ("1.2.3.4/32", 32), ("::ffff:10.0.0.0/104", 8),
    ])
    func aNetworkIsAnAddressAndALength(text: String, length: Int) throws {
        #expect(try CIDR(text).prefixLength == length)
    }

    @Test(arguments: [
        ("", "address"), ("localhost", "address"), ("10.0.0", "address"), ("10.0.0.256/8", "address"),
        ("/8", "address"), ("10.0.0.0/", "0…32"), ("10.0.0.0/33", "0…32"), ("::/129", "0…128"),
        ("10.0.0.0/-1", "0…32"), ("10.0.0.0/+8", "0…32"), ("10.0.0.0/8/8", "0…32"), ("10.0.0.0/ 8", "0…32"),
        ("10.0.0.0/99999999999999999999", "0…32"), ("10.0.0.1/8", "behind the first 8"),
        ("fd00::1/8", "behind the first 8"), ("1.0.0.0/0", "behind the first 0"), (" 10.0.0.0/8", "address"),
    ])
    func whatIsNoNetworkIsRefusedWithAReason(text: String, reason: String) {
        let error = #expect(throws: CIDR.ParseError.self) { try CIDR(text) }
        #expect(error?.description.contains(reason) == true)
        #expect(error?.text == text)
    }
}
