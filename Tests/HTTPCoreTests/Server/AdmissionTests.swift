import Testing

@testable import HTTPCore

@Suite struct AdmissionTests {
    private let one = ClientNetwork.ipv4(1)
    private let other = ClientNetwork.ipv4(2)

    private func makeAdmission(perAddress: Int?, turnedAway: Int = 2) -> Admission {
        var limits = ServerLimits()
        limits.maxConnectionsPerAddress = perAddress
        limits.maxTurnedAway = turnedAway
        return Admission(limits: limits)
    }

    @Test("each client has its own places, and gets one back with each connection that closes")
    func places() {
        var admission = makeAdmission(perAddress: 2)
        #expect(admission.admit(one) == .serve)
        #expect(admission.admit(one) == .serve)
        #expect(admission.admit(one) == .turnAway)
        #expect(admission.admit(other) == .serve)
        admission.leave(one, .serve)
        #expect(admission.admit(one) == .serve)
        #expect(admission.admit(one) == .turnAway)
    }

    @Test("only so many are told; the others are dropped, until one of those has left")
    func told() {
        var admission = makeAdmission(perAddress: 1)
        let verdicts = (0..<5).map { _ in admission.admit(one) }
        #expect(verdicts == [.serve, .turnAway, .turnAway, .drop, .drop])
        admission.leave(one, .turnAway)
        #expect(admission.admit(one) == .turnAway)
        #expect(admission.admit(other) == .serve)
        #expect(admission.admit(other) == .drop)
    }

    @Test("without a limit everybody is served")
    func unlimited() {
        var admission = makeAdmission(perAddress: nil)
        #expect((0..<1000).allSatisfy { _ in admission.admit(one) == .serve })
    }

    @Test(
        "IPv4 addresses count one by one, IPv6 addresses by their /64, mapped ones as IPv4",
        arguments: [
            ("192.0.2.1", "192.0.2.1", true), ("192.0.2.1", "192.0.2.2", false),
            ("192.0.2.1", "::ffff:192.0.2.1", true), ("::ffff:192.0.2.1", "::ffff:192.0.2.2", false),
            ("2001:db8:1:2::1", "2001:db8:1:2:ffff::9", true), ("2001:db8:1:2::1", "2001:db8:1:3::1", false),
            ("::1", "::2", true), ("::1", "::ffff:127.0.0.1", false),
        ])
    func networks(first: String, second: String, areOne: Bool) throws {
        let networks = try [first, second].map { host in
            try #require(SocketAddress.resolve(host, port: 80, passive: false).first).network
        }
        #expect((networks[0] == networks[1]) == areOne)
    }
}
