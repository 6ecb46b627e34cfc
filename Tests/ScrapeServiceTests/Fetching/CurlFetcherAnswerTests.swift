import Foundation
import Testing

@testable import ScrapeService

@Suite struct CurlFetcherAnswerTests {
    @Test func everyStatusIsAnAnswerWithItsTypeAndBody() async throws {
        let server = """
            location = /teapot { return 418 "short and stout"; }
            location = /busy { add_header Retry-After 7 always; return 503 "later"; }
            """
        try await withNginx(server: server) { nginx in
            try nginx.write("page.html", Array("<p>hallo</p>".utf8))
            try await withFetcher { fetcher, _ in
                let page = try await fetcher.fetch(makeFetch(nginx.base + "/page.html"))
                #expect(page.status == 200)
                #expect(page.text == "<p>hallo</p>")
                #expect(page.contentType == "text/html")
                #expect(page.retryAfter == nil)
                #expect(page.finalURL == nginx.base + "/page.html")
                #expect(page.seconds > 0 && page.seconds < 10)
                let teapot = try await fetcher.fetch(makeFetch(nginx.base + "/teapot"))
                #expect(teapot.status == 418)
                #expect(teapot.text == "short and stout")
                let missing = try await fetcher.fetch(makeFetch(nginx.base + "/none"))
                #expect(missing.status == 404)
                let busy = try await fetcher.fetch(makeFetch(nginx.base + "/busy"))
                #expect(busy.status == 503)
                #expect(busy.retryAfter == "7")
            }
        }
    }

    @Test func anEmptyBodyIsAnAnswer() async throws {
        try await withNginx(server: "location / { return 204; }") { nginx in
            try await withFetcher { fetcher, _ in
                let answer = try await fetcher.fetch(makeFetch(nginx.base + "/"))
                #expect(answer.status == 204)
                #expect(answer.body.isEmpty)
                #expect(answer.contentType == nil)
            }
        }
    }

    @Test func aCompressedBodyArrivesDecompressed() async throws {
        let text = String(repeating: "woorden en nog meer woorden ", count: 2000)
        try await withNginx(server: "gzip on; gzip_types *; location = /raw { gzip off; }") { nginx in
            try nginx.write("text", Array(text.utf8))
            try await withFetcher { fetcher, _ in
                let answer = try await fetcher.fetch(makeFetch(nginx.base + "/text"))
                #expect(answer.text == text)
            }
        }
    }

    @Test func theRequestOffersEveryEncodingAndCarriesTheClientsFields() async throws {
        let server = """
            location / {
                return 200 "$http_accept_encoding|$http_user_agent|$http_x_test|$http_x_empty|$http_cookie|$request_uri";
            }
            """
        let headers = [HeaderField(name: "X-Test", value: "één"), HeaderField(name: "X-Empty", value: "")]
        try await withNginx(server: server) { nginx in
            try await withFetcher { fetcher, _ in
                let answer = try await fetcher.fetch(makeFetch(nginx.base + "/a?b=c", headers: headers))
                let parts = answer.text.split(separator: "|", omittingEmptySubsequences: false)
                for encoding in ["gzip", "br", "zstd"] { #expect(parts[0].contains(encoding)) }
                #expect(parts[1...] == ["fetch-test/1", "één", "", "", "/a?b=c"])
            }
        }
    }

    @Test(arguments: ["/?", "/a//b", "/a;p=1?q='x'", "/%7C|[]", "/a?b?c&d=%2F%25"])
    func theRequestTargetIsTheCanonicalOne(target: String) async throws {
        try await withNginx(server: "location / { return 200 $request_uri; }") { nginx in
            try await withFetcher { fetcher, _ in
                let answer = try await fetcher.fetch(makeFetch(nginx.base + target))
                #expect(answer.text == target)
            }
        }
    }

    @Test func noCookieIsKept() async throws {
        let server = #"location / { add_header Set-Cookie "id=1; Path=/"; return 200 "[$http_cookie]"; }"#
        try await withNginx(server: server) { nginx in
            try await withFetcher { fetcher, _ in
                for _ in 0..<2 {
                    let answer = try await fetcher.fetch(makeFetch(nginx.base + "/"))
                    #expect(answer.text == "[]")
                }
            }
        }
    }

    @Test(arguments: [
        HeaderField(name: "X", value: "a\r\nHost: b"), HeaderField(name: "X", value: "a\nb"),
        HeaderField(name: "X\r\nY", value: "a"), HeaderField(name: "", value: "a"),
        HeaderField(name: "X Y", value: "a"), HeaderField(name: "X:", value: "a"),
        HeaderField(name: "X", value: "a\u{0}b"), HeaderField(name: "Content-Length", value: "5"),
        HeaderField(name: "transfer-encoding", value: "chunked"),
        HeaderField(name: "Connection", value: "close"),
    ])
    func aFieldThatWouldBreakTheMessageIsRefused(field: HeaderField) async throws {
        try await withFetcher { fetcher, _ in
            let failure = try await fetcher.failure(makeFetch("http://127.0.0.1:1/", headers: [field]))
            #expect(failure.code == .internalError)
        }
    }

    @Test func aBodyOfExactlyTheLimitPasses() async throws {
        try await withNginx { nginx in
            try nginx.write("exact", [UInt8](repeating: 120, count: 100_000))
            try await withFetcher { fetcher, _ in
                let answer = try await fetcher.fetch(makeFetch(nginx.base + "/exact", maxBodyBytes: 100_000))
                #expect(answer.body.count == 100_000)
                let failure = try await fetcher.failure(
                    makeFetch(nginx.base + "/exact", maxBodyBytes: 99_999))
                #expect(failure.code == .tooLarge)
            }
        }
    }

    @Test func aBodyWithoutALengthIsCutOffAtTheLimit() async throws {
        let server = #"location / { echo_duplicate 100000 "a line that comes again and again\n"; }"#
        try await withNginx(server: server) { nginx in
            try await withFetcher { fetcher, _ in
                let failure = try await fetcher.failure(makeFetch(nginx.base + "/", maxBodyBytes: 1 << 20))
                #expect(failure.code == .tooLarge)
                let whole = try await fetcher.fetch(makeFetch(nginx.base + "/"))
                #expect(whole.body.count == 3_400_000)
            }
        }
    }

    @Test func aDecompressionBombStopsAtTheLimit() async throws {
        try await withNginx(server: "gzip_static always; location / { try_files $uri $uri/ /bomb; }") {
            nginx in
            let make = Process()
            make.executableURL = URL(fileURLWithPath: "/bin/sh")
            make.arguments = [
                "-c", "head -c 200000000 /dev/zero | gzip -1 > '\(nginx.documentRoot)/bomb.gz'",
            ]
            try make.run()
            make.waitUntilExit()
            try nginx.write("bomb", [])
            try await withFetcher { fetcher, _ in
                let failure = try await fetcher.failure(makeFetch(nginx.base + "/bomb"))
                #expect(failure.code == .tooLarge)
                #expect(failure.detail == "the body is larger than 10485760 bytes")
            }
        }
    }

    @Test(arguments: [(400, 1000), (1, 90_000), (1, 200_000)])
    func aHeaderBombIsTooLarge(fields: Int, size: Int) async throws {
        let value = String(repeating: "x", count: size)
        let listener = try RawListener()
        defer { listener.stop() }
        try await withFetcher({ $0.maxHeaderBytes = 64 << 10 }) { fetcher, loop in
            async let failure = fetcher.failure(makeFetch("http://127.0.0.1:\(listener.port)/"))
            let connection = try await listener.acceptRequest(on: loop)
            defer { close(connection) }
            listener.answer(connection, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n")
            for number in 0..<fields { listener.answer(connection, "X-\(number): \(value)\r\n") }
            listener.answer(connection, "\r\n")
            let ended = try await failure
            #expect(ended.code == .tooLarge)
            #expect(ended.detail == "the header fields of the answer are too large")
        }
    }
}
