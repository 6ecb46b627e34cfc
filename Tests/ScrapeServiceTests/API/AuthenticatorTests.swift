import HTTPCore
import HTTPTypes
import Testing

@testable import ScrapeService

/// Without keys a web page could use the service through a name that its owner made lead to loopback.
@Suite struct AuthenticatorTests {
    private func owner(
        _ authenticator: Authenticator, host: String?, method: HTTPRequest.Method = .get,
        isBrowser: Bool = true
    ) throws {
        var headers: HTTPFields = [.authorization: "Bearer 0123456789abcdef"]
        if isBrowser { headers[.acceptEncoding] = "gzip, deflate" }
        if let host { headers[HTTPField.Name("Host")!] = host }
        _ = try authenticator.owner(of: Request(method: method, path: "/v1/jobs", headers: headers))
    }

    @Test(arguments: [
        "localhost", "LOCALHOST:8080", "localhost.", "scrape.localhost:80", "127.0.0.1", "127.0.0.1:8080",
        "127.255.0.9", "[::1]", "[::1]:8080", "localhost:",
    ])
    func namesOfLoopbackAreAnswered(_ host: String) throws {
        try owner(Authenticator(), host: host)
        try owner(Authenticator(), host: host, method: .post)
    }

    @Test(arguments: [
        "evil.test", "evil.test:8080", "localhost.evil.test", "127.0.0.1.evil.test", "evillocalhost",
        "127.0.0",
        "128.0.0.1", "127.0.0.256", "127.0.0.x", "10.0.0.1", "[::2]", "[::1]evil", "[::1", "",
    ])
    func anyOtherNameIsRefused(_ host: String) throws {
        for method in [HTTPRequest.Method.get, .post] {
            #expect {
                try owner(Authenticator(), host: host, method: method)
            } throws: { error in
                (error as? Problem)?.status == .misdirectedRequest
            }
        }
        try owner(Authenticator(keys: APIKey.keys(in: "0123456789abcdef")), host: host)
        try owner(Authenticator(), host: host, isBrowser: false)
    }

    @Test func whatNamesNoHostIsNoBrowser() throws { try owner(Authenticator(), host: nil) }

    @Test(arguments: Transport.allCases)
    func theServiceRefusesOtherNames(_ transport: Transport) async throws {
        try await withService(working: false) { service in
            let good = try await service.send(
                "GET", "/v1/jobs", headers: ["Host": "localhost:8080"], over: transport)
            #expect(good.status == 200)
            let bad = try await service.send(
                "GET", "/v1/jobs", headers: ["Host": "evil.test", "Accept-Encoding": "gzip"], over: transport)
            #expect(bad.status == 421)
            #expect(bad.json["code"] == .string("other_host"))
        }
    }
}
