import Glibc
import Testing

@testable import ScrapeService

/// What holds over all redirects of a fetch together, and what a redirect may take along.
@Suite struct RedirectLimitTests {
    @Test func theTimeOutIsOfAllRedirectsTogether() async throws {
        try await withHostileServer { connection, _ in
            usleep(100_000)
            return writeAnswer(connection, "302 Found", ["Location: /again"])
        } _: { server in
            try await withFetcher { fetcher, _ in
                let request = makeFetch(server.base + "/", timeout: .milliseconds(450), maxRedirects: 1000)
                let failure = try await fetcher.failure(request)
                #expect(failure.code == .timeout)
                #expect(failure.detail == "no complete answer within 0.45 seconds")
                #expect(failure.seconds >= 0.44)
                #expect((1...5).contains(server.requests.count))
            }
        }
    }

    @Test func theSecondsOfAnAnswerAreThoseOfItsRedirectsToo() async throws {
        try await withHostileServer { connection, request in
            usleep(60_000)
            let isLast = request.path == "/3"
            let next = "/\((Int(request.path.dropFirst()) ?? 0) + 1)"
            return isLast
                ? writeAnswer(connection, "200 OK")
                : writeAnswer(connection, "302 Found", ["Location: \(next)"])
        } _: { server in
            try await withFetcher { fetcher, _ in
                let answer = try await fetcher.fetch(makeFetch(server.base + "/0"))
                #expect(answer.seconds >= 0.24)
                #expect(server.connections == 1)
            }
        }
    }

    @Test func headersAreCountedOverAllRedirects() async throws {
        let field = "X-Padding: " + String(repeating: "x", count: 30_000)
        try await withHostileServer { connection, _ in
            writeAnswer(connection, "302 Found", ["Location: /again", field])
        } _: { server in
            try await withFetcher { fetcher, _ in
                let failure = try await fetcher.failure(makeFetch(server.base + "/", maxRedirects: 1000))
                #expect(failure.code == .tooLarge)
                #expect(server.requests.count == 9)
            }
        }
    }

    @Test(arguments: [0, 1, 2, 7])
    func exactlyAsManyRedirectsAreFollowedAsAllowed(maxRedirects: Int) async throws {
        try await withHostileServer { connection, request in
            let next = (Int(request.path.dropFirst()) ?? 0) + 1
            return writeAnswer(connection, "302 Found", ["Location: /\(next)"])
        } _: { server in
            try await withFetcher { fetcher, _ in
                let request = makeFetch(server.base + "/0", maxRedirects: maxRedirects)
                if maxRedirects == 0 {
                    let answer = try await fetcher.fetch(request)
                    #expect(answer.status == 302)
                } else {
                    let failure = try await fetcher.failure(request)
                    #expect(failure.code == .tooManyRedirects)
                }
                #expect(server.requests.count == maxRedirects + 1)
            }
        }
    }

    @Test(arguments: [
        (300, false), (301, true), (302, true), (303, true), (304, false), (305, false),
        (307, true), (308, true), (201, false),
    ])
    func theseStatusesAreFollowed(status: Int, follows: Bool) async throws {
        try await withHostileServer { connection, request in
            request.path == "/to"
                ? writeAnswer(connection, "200 OK")
                : writeAnswer(connection, "\(status) X", ["Location: /to"])
        } _: { server in
            try await withFetcher { fetcher, _ in
                let answer = try await fetcher.fetch(makeFetch(server.base + "/from"))
                #expect(answer.status == (follows ? 200 : status))
            }
        }
    }

    @Test(arguments: [[], ["Location: "], ["Location:"]])
    func aRedirectToNowhereIsTheAnswer(fields: [String]) async throws {
        try await withHostileServer { connection, _ in
            writeAnswer(connection, "302 Found", fields, "lost")
        } _: { server in
            try await withFetcher { fetcher, _ in
                let answer = try await fetcher.fetch(makeFetch(server.base + "/"))
                #expect(answer.status == 302)
                #expect(answer.text == "lost")
            }
        }
    }

    @Test func aLocationIsReadByTheRulesOfLinks() async throws {
        let locations = [
            "to": "/dir/to", "../a//b": "/a//b", "?q=1": "/dir/from?q=1", "\\x\\y": "/x/y", "/é": "/%C3%A9",
            "/a b": "/a%20b", "#part": "/dir/from", "/x?y#z": "/x?y",
        ]
        for (location, path) in locations {
            try await withHostileServer { connection, request in
                request.connection == 1 && request.path == "/dir/from"
                    ? writeAnswer(connection, "302 Found", ["Location: \(location)", "Connection: close"])
                        && false
                    : writeAnswer(connection, "200 OK")
            } _: { server in
                try await withFetcher { fetcher, _ in
                    let answer = try await fetcher.fetch(makeFetch(server.base + "/dir/from"))
                    #expect(answer.finalURL == server.base + path, "\(location)")
                    #expect(server.requests.last?.path == path)
                }
            }
        }
    }

    @Test func noCookieComesBack() async throws {
        try await withHostileServer { connection, request in
            let cookie = "Set-Cookie: id=1; Path=/; Max-Age=9999"
            return request.path == "/from"
                ? writeAnswer(connection, "302 Found", ["Location: /to", cookie])
                : writeAnswer(connection, "200 OK", [cookie])
        } _: { server in
            try await withFetcher { fetcher, _ in
                for _ in 0..<3 { _ = try await fetcher.fetch(makeFetch(server.base + "/from")) }
                #expect(server.requests.count == 6)
                #expect(server.requests.allSatisfy { $0.field("Cookie") == nil })
            }
        }
    }

    @Test func whatOneOriginWasTrustedWithStaysThere() async throws {
        let trusted = [
            HeaderField(name: "authorization", value: "Bearer secret"),
            HeaderField(name: "Cookie", value: "id=1"),
            HeaderField(name: "X-Api-Key", value: "secret"),
            HeaderField(name: "Accept-Language", value: "nl"),
        ]
        try await withHostileServer { connection, request in
            writeAnswer(connection, "200 OK")
        } _: { other in
            try await withHostileServer { [base = other.base] connection, request in
                let target = request.path == "/near" ? "/here" : base + "/there"
                return request.path == "/here"
                    ? writeAnswer(connection, "200 OK")
                    : writeAnswer(connection, "302 X", ["Location: \(target)"])
            } _: { own in
                try await withFetcher { fetcher, _ in
                    for path in ["/near", "/far"] {
                        _ = try await fetcher.fetch(makeFetch(own.base + path, headers: trusted))
                    }
                    #expect(own.requests.map(\.path) == ["/near", "/here", "/far"])
                    for request in own.requests {
                        #expect(request.field("Authorization") == "Bearer secret")
                        #expect(request.field("Cookie") == "id=1")
                        #expect(request.field("X-Api-Key") == "secret")
                    }
                    let stranger = try #require(other.requests.first)
                    #expect(stranger.field("Authorization") == nil && stranger.field("Cookie") == nil)
                    #expect(stranger.field("X-Api-Key") == nil)
                    #expect(stranger.field("Accept-Language") == "nl")
                }
            }
        }
    }
}
