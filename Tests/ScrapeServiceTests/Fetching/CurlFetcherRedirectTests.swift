import Testing

@testable import ScrapeService

@Suite struct CurlFetcherRedirectTests {
    private static let server = """
        location = /a { return 302 /b/./c; }
        location = /b/c { return 301 "/d%7e?x=1#part"; }
        location = /d~ { return 200 $request_uri; }
        location = /loop { return 302 /loop; }
        location = /ftp { return 302 ftp://127.0.0.1/x; }
        location = /file { return 302 file:///etc/passwd; }
        location = /gopher { return 302 gopher://127.0.0.1:{port}/_x; }
        location = /script { return 302 javascript:alert(1); }
        location = /nowhere { return 302 "http://"; }
        location = /neighbour { return 302 http://127.0.0.2:{port}/d~; }
        location = /named { return 302 http://localhost:{port}/auth; }
        location = /auth { return 200 "[$http_authorization]"; }
        location = /bare { return 304; }
        """

    @Test func redirectsAreFollowedAndTheFinalURLIsCanonical() async throws {
        try await withNginx(server: Self.server) { nginx in
            try await withFetcher { fetcher, _ in
                let answer = try await fetcher.fetch(makeFetch(nginx.base + "/a"))
                #expect(answer.status == 200)
                #expect(answer.finalURL == nginx.base + "/d~?x=1")
            }
        }
    }

    @Test func redirectsAreCounted() async throws {
        try await withNginx(server: Self.server) { nginx in
            try await withFetcher { fetcher, _ in
                let loop = try await fetcher.failure(makeFetch(nginx.base + "/loop"))
                #expect(loop.code == .tooManyRedirects)
                #expect(loop.detail == "more than 10 redirects")
                #expect(try nginx.accessLog().count == 11)
                let tooMany = try await fetcher.failure(makeFetch(nginx.base + "/a", maxRedirects: 1))
                #expect(tooMany.code == .tooManyRedirects)
                let within = try await fetcher.fetch(makeFetch(nginx.base + "/a", maxRedirects: 2))
                #expect(within.status == 200)
            }
        }
    }

    @Test func withoutRedirectsTheRedirectIsTheAnswer() async throws {
        try await withNginx(server: Self.server) { nginx in
            try await withFetcher { fetcher, _ in
                let redirect = try await fetcher.fetch(makeFetch(nginx.base + "/a", maxRedirects: 0))
                #expect(redirect.status == 302)
                let bare = try await fetcher.fetch(makeFetch(nginx.base + "/bare"))
                #expect(bare.status == 304)
            }
        }
    }

    @Test(arguments: ["/ftp", "/file", "/gopher", "/script", "/nowhere"])
    func aRedirectToAnythingButTheWebIsBlocked(path: String) async throws {
        try await withNginx(server: Self.server) { nginx in
            try await withFetcher { fetcher, _ in
                let failure = try await fetcher.failure(makeFetch(nginx.base + path))
                #expect(failure.code == .urlBlocked)
            }
        }
    }

    @Test func anAddressOutsideThePolicyIsNeverDialled() async throws {
        try await withNginx(server: Self.server) { nginx in
            try await withFetcher(allow: []) { fetcher, _ in
                for host in [
                    "127.0.0.1", "localhost", "0.0.0.0", "[::1]", "[::ffff:127.0.0.1]", "2130706433",
                ] {
                    let failure = try await fetcher.failure(makeFetch("http://\(host):\(nginx.port)/d~"))
                    #expect(failure.code == .urlBlocked, "\(host)")
                    #expect(!failure.detail.contains("127") && !failure.detail.contains("::"))
                }
                #expect(try nginx.accessLog().isEmpty)
            }
        }
    }

    @Test func aRedirectToAnAddressOutsideThePolicyIsBlocked() async throws {
        try await withNginx(server: Self.server) { nginx in
            try await withFetcher(allow: ["127.0.0.1"]) { fetcher, _ in
                let failure = try await fetcher.failure(makeFetch(nginx.base + "/neighbour"))
                #expect(failure.code == .urlBlocked)
                #expect(try nginx.accessLog().map(\.uri) == ["/neighbour"])
            }
        }
    }

    @Test func credentialsStayWithTheirHost() async throws {
        let authorization = [HeaderField(name: "Authorization", value: "Bearer secret")]
        try await withNginx(server: Self.server) { nginx in
            try await withFetcher { fetcher, _ in
                let own = try await fetcher.fetch(makeFetch(nginx.base + "/auth", headers: authorization))
                #expect(own.text == "[Bearer secret]")
                let other = try await fetcher.fetch(makeFetch(nginx.base + "/named", headers: authorization))
                #expect(other.finalURL == "http://localhost:\(nginx.port)/auth")
                #expect(other.text == "[]")
                let inURL = "http://user:word@127.0.0.1:\(nginx.port)"
                let signed = try await fetcher.fetch(makeFetch(inURL + "/auth"))
                #expect(signed.text == "[Basic dXNlcjp3b3Jk]")
                let away = try await fetcher.fetch(makeFetch(inURL + "/named"))
                #expect(away.text == "[]")
            }
        }
    }

    @Test func whatARedirectAnsweredIsNotPartOfTheAnswer() async throws {
        let server = """
            location = /from { add_header Retry-After 9 always; default_type text/html; return 302 /to; }
            location = /to { types {} default_type ""; return 200 "to"; }
            """
        try await withNginx(server: server) { nginx in
            try await withFetcher { fetcher, _ in
                let answer = try await fetcher.fetch(makeFetch(nginx.base + "/from"))
                #expect(answer.text == "to")
                #expect(answer.contentType == nil)
                #expect(answer.retryAfter == nil)
            }
        }
    }
}
