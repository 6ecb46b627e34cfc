import Foundation
import HTTPCore
import Testing

@testable import ScrapeService

@Suite struct RobotsCacheTests {
    private static let server = """
        location = /hops/0/robots.txt { return 200 "user-agent: *\\ndisallow: /no"; }
        location = /hops/1/robots.txt { return 302 /hops/0/robots.txt; }
        location = /hops/2/robots.txt { return 301 /hops/1/robots.txt; }
        location = /hops/3/robots.txt { return 307 /hops/2/robots.txt; }
        location = /hops/4/robots.txt { return 302 /hops/3/robots.txt; }
        location = /hops/5/robots.txt { return 308 /hops/4/robots.txt; }
        location = /hops/6/robots.txt { return 302 /hops/5/robots.txt; }
        """

    /// A verdict as a word, so that tests can compare it.
    private func word(_ verdict: RobotsVerdict) -> String {
        switch verdict {
        case .allowed: "allowed"
        case .disallowed: "disallowed"
        case .unreachable(let code, _): "unreachable \(code.text)"
        case .failed(let failure): "failed \(failure.code.text)"
        }
    }

    private func withCache(
        server: String = "", limits: RobotsCache.Limits = .init(),
        _ body: (RobotsCache, CurlFetcher, TestNginx) async throws -> Void
    ) async throws {
        try await withNginx(server: Self.server + server) { nginx in
            try await withFetcher { fetcher, loop in
                let workers = WorkerPool(threads: 1)
                defer { workers.stop() }
                try await body(RobotsCache(loop: loop, workers: workers, limits: limits), fetcher, nginx)
            }
        }
    }

    private func verdict(
        _ cache: RobotsCache, _ fetcher: CurlFetcher, _ url: String, agent: String = "one/1"
    ) async throws -> RobotsVerdict {
        try await cache.verdict(for: WebURL(canonical: url), userAgent: agent) { try await fetcher.fetch($0) }
    }

    /// The verdict as a word.
    private func say(
        _ cache: RobotsCache, _ fetcher: CurlFetcher, _ url: String, agent: String = "one/1"
    ) async throws -> String {
        word(try await verdict(cache, fetcher, url, agent: agent))
    }

    private func robots(_ answer: String) -> String { "location = /robots.txt { \(answer) }" }

    @Test func manyPagesShareOneFetch() async throws {
        try await withCache { cache, fetcher, nginx in
            try nginx.write("robots.txt", Data("user-agent: *\ndisallow: /no\ncrawl-delay: 2".utf8))
            let words = try await withThrowingTaskGroup(of: String.self) { group in
                for number in 0..<200 {
                    let path = number.isMultiple(of: 2) ? "/no/\(number)" : "/yes/\(number)"
                    group.addTask { word(try await verdict(cache, fetcher, nginx.base + path)) }
                }
                return try await group.reduce(into: [:]) { $0[$1, default: 0] += 1 }
            }
            #expect(words == ["allowed": 100, "disallowed": 100])
            let delay = try await verdict(cache, fetcher, nginx.base + "/").crawlDelay
            #expect(delay == .seconds(2))
            #expect(try nginx.accessLog().map(\.uri) == ["/robots.txt"])
        }
    }

    @Test func eachJobIsJudgedByItsOwnName() async throws {
        try await withCache { cache, fetcher, nginx in
            try nginx.write("robots.txt", Data("user-agent: one\ndisallow: /\nuser-agent: *\nallow: /".utf8))
            let url = nginx.base + "/x"
            #expect(try await say(cache, fetcher, url) == "disallowed")
            #expect(try await say(cache, fetcher, url, agent: "two/1") == "allowed")
            let browser = "Mozilla/5.0 (compatible; One/2; +http://h/)"
            #expect(try await say(cache, fetcher, url, agent: browser) == "disallowed")
            #expect(try nginx.accessLog().count == 1)
        }
    }

    @Test(arguments: [
        ("return 200 \"user-agent: *\\ndisallow: /\";", "disallowed"), ("return 204;", "allowed"),
        ("return 401;", "allowed"), ("return 403;", "allowed"), ("return 404;", "allowed"),
        ("return 410;", "allowed"), ("return 429;", "unreachable http_429"),
        ("return 500;", "unreachable http_500"), ("return 503;", "unreachable http_503"),
        ("return 302 /hops/4/robots.txt;", "disallowed"), ("return 302 /hops/5/robots.txt;", "allowed"),
        ("return 302 /robots.txt;", "allowed"), ("return 444;", "failed connection_lost"),
        ("return 302 ftp://h/;", "failed url_blocked"),
    ])
    func theAnswerDecides(_ answer: String, _ expected: String) async throws {
        try await withCache(server: robots(answer)) { cache, fetcher, nginx in
            let said = try await say(cache, fetcher, nginx.base + "/no")
            #expect(said == expected)
        }
    }

    @Test func aServerThatIsSilentIsUnreachable() async throws {
        var limits = RobotsCache.Limits()
        limits.timeout = .milliseconds(200)
        try await withCache(server: robots("echo_sleep 5; echo late;"), limits: limits) {
            cache, fetcher, nginx in
            let said = try await say(cache, fetcher, nginx.base + "/x")
            #expect(said == "unreachable timeout")
        }
    }

    @Test func whereNobodyListensThePageFailsAsItWouldByItself() async throws {
        try await withCache { cache, fetcher, _ in
            let port = try TestNginx.freePorts(1)[0]
            let dead = try await verdict(cache, fetcher, "http://127.0.0.1:\(port)/x")
            #expect(word(dead) == "failed connect_failed")
            let blocked = try await verdict(cache, fetcher, "http://10.255.255.1/x")
            #expect(word(blocked) == "failed url_blocked")
            let unknown = try await verdict(cache, fetcher, "http://no-such-host.invalid/x")
            #expect(word(unknown) == "failed dns_failed")
        }
    }

    @Test func aHostThatDoesNotTakeTheConnectionIsDeadNotForbidden() async throws {
        try await withCache { cache, _, _ in
            let verdict = try await cache.verdict(for: WebURL(canonical: "http://h/x"), userAgent: "one") {
                _ in
                throw FetchFailure(
                    code: .timeout, detail: "no connection", seconds: 1, timedOutConnecting: true)
            }
            #expect(word(verdict) == "failed timeout")
        }
    }

    @Test func aFailingHostIsAskedAgainOnlyAfterAWhile() async throws {
        var limits = RobotsCache.Limits()
        limits.state.failureAge = .seconds(3)
        try await withCache(server: robots("return 503;"), limits: limits) { cache, fetcher, nginx in
            var left = Duration.zero
            for _ in 0..<10 {
                guard case .unreachable(_, let wait) = try await verdict(cache, fetcher, nginx.base + "/x")
                else { throw POSIXError(.EINVAL) }
                #expect(wait <= .seconds(3))
                left = wait
            }
            #expect(try nginx.accessLog().count == 1)
            try await Task.sleep(for: left)
            let said = try await say(cache, fetcher, nginx.base + "/x")
            #expect(said == "unreachable http_503")
            #expect(try nginx.accessLog().count == 2)
        }
    }

    @Test func aDeadHostIsAskedAgainByEveryPage() async throws {
        try await withCache { cache, _, _ in
            let asked = Tally()
            for number in 0..<3 {
                _ = try await cache.verdict(for: WebURL(canonical: "http://dead/"), userAgent: "one") { _ in
                    asked.note(number)
                    throw FetchFailure(code: .connectFailed, detail: "", seconds: 0)
                }
            }
            #expect(asked.count == 3)
        }
    }

    @Test func theRequestIsTheCrawlersAndBounded() async throws {
        try await withCache { cache, _, _ in
            let verdict = try await cache.verdict(
                for: WebURL(canonical: "https://user:secret@h:8443/a?b"), userAgent: "one/1"
            ) { request in
                #expect(request.url.text == "https://h:8443/robots.txt")
                #expect(request.userAgent == "one/1" && request.headers.isEmpty)
                #expect(request.cutsBody && request.maxBodyBytes > 500 << 10)
                #expect(request.maxRedirects == 5)
                return FetchResponse(
                    status: 200, finalURL: "", body: Array("user-agent: *\ndisallow: /a?b".utf8), seconds: 0)
            }
            #expect(word(verdict) == "disallowed")
        }
    }

    @Test func aLargeFileIsMatchedOnAWorker() async throws {
        try await withCache { cache, fetcher, nginx in
            let rules = (0..<20_000).map { "disallow: /no/\($0)\n" }.joined()
            try nginx.write("robots.txt", Data(("user-agent: *\n" + rules).utf8))
            #expect(try await say(cache, fetcher, nginx.base + "/no/19999") == "disallowed")
            #expect(try await say(cache, fetcher, nginx.base + "/yes") == "allowed")
        }
    }

    // MARK: Who waits

    @Test func whoAskedFirstMayLeaveAndTheOthersGetTheAnswer() async throws {
        try await withCache(server: robots("echo_sleep 0.5; echo 'user-agent: *\ndisallow: /no';")) {
            cache, fetcher, nginx in
            let first = Task { try await verdict(cache, fetcher, nginx.base + "/no") }
            try await Task.sleep(for: .milliseconds(100))
            let second = Task { word(try await verdict(cache, fetcher, nginx.base + "/no")) }
            try await Task.sleep(for: .milliseconds(100))
            first.cancel()
            await #expect(throws: CancellationError.self) { _ = try await first.value }
            #expect(try await second.value == "disallowed")
            #expect(try nginx.accessLog().map(\.status) == [200])
        }
    }

    @Test func aFetchThatNobodyWaitsForEnds() async throws {
        try await withCache(server: robots("echo_sleep 1; echo 'user-agent: *';")) { cache, fetcher, nginx in
            let ended = Signal(loop: TestPostgres.loop)
            let tasks = (0..<3).map { _ in
                Task {
                    try await cache.verdict(for: WebURL(canonical: nginx.base + "/x"), userAgent: "one") {
                        defer { ended.notify() }
                        return try await fetcher.fetch($0)
                    }
                }
            }
            try await Task.sleep(for: .milliseconds(100))
            let start = ContinuousClock.now
            for task in tasks { task.cancel() }
            for task in tasks { await #expect(throws: CancellationError.self) { _ = try await task.value } }
            await ended.wait(atMost: .seconds(5))
            #expect(ContinuousClock.now - start < .milliseconds(800))
            // Who comes later begins anew.
            #expect(try await say(cache, fetcher, nginx.base + "/x") == "allowed")
        }
    }

    @Test func cancellingAtRandomLeavesNobodyWaiting() async throws {
        try await withCache { cache, _, _ in
            await withTaskGroup(of: Void.self) { group in
                for number in 0..<2_000 {
                    group.addTask {
                        let task = Task {
                            try await cache.verdict(
                                for: WebURL(canonical: "http://h\(number % 7)/x"), userAgent: "one"
                            ) { _ in
                                await Task.yield()
                                throw FetchFailure(code: .connectFailed, detail: "", seconds: 0)
                            }
                        }
                        if number.isMultiple(of: 3) { task.cancel() }
                        switch await task.result {
                        case .success(.failed), .failure: break
                        case .success(let other): Issue.record("\(other)")
                        }
                    }
                }
            }
        }
    }
}
