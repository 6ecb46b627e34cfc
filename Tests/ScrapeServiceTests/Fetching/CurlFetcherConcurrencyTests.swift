import Glibc
import HTTPCore
import Testing

@testable import ScrapeService

@Suite struct CurlFetcherConcurrencyTests {
    /// Fetches `count` pages, `width` at once; how many answered 200.
    private func fetchMany(_ fetcher: CurlFetcher, _ base: String, _ count: Int, width: Int) async throws
        -> Int
    {
        try await withThrowingTaskGroup(of: Int.self) { group in
            for number in 0..<min(width, count) {
                group.addTask { try await fetcher.fetch(makeFetch("\(base)/page?\(number)")).status }
            }
            var good = 0
            var next = width
            while let status = try await group.next() {
                if status == 200 { good += 1 }
                if next < count {
                    let number = next
                    group.addTask { try await fetcher.fetch(makeFetch("\(base)/page?\(number)")).status }
                    next += 1
                }
            }
            return good
        }
    }

    private func expectCancelled(_ task: Task<some Sendable, any Error>) async {
        await #expect(throws: CancellationError.self) { _ = try await task.value }
    }

    @Test func connectionsAreUsedAgain() async throws {
        try await withNginx { nginx in
            try nginx.write("page", [UInt8](repeating: 120, count: 22_000))
            try await withFetcher { fetcher, _ in
                for _ in 0..<2 {
                    let good = try await fetchMany(fetcher, nginx.base, 1000, width: 200)
                    #expect(good == 1000)
                }
                let log = try nginx.accessLog()
                #expect(log.count == 2000)
                #expect(Set(log.map(\.connection)).count <= 200)
            }
        }
    }

    @Test func aThousandFetchesRunAtOnce() async throws {
        let server = "location / { echo_sleep 0.5; echo done; }"
        try await withNginx(server: server) { nginx in
            try await withFetcher { fetcher, _ in
                let begin = ContinuousClock.now
                let good = try await fetchMany(fetcher, nginx.base, 1000, width: 1000)
                #expect(good == 1000)
                // One after the other they would take 500 s.
                #expect(ContinuousClock.now - begin < .seconds(20))
                // On a busy machine the first may end before the last begin, and lend them their connection.
                #expect(Set(try nginx.accessLog().map(\.connection)).count > 500)
            }
        }
    }

    @Test func connectionsBeyondTheLimitWaitForOneToEnd() async throws {
        try await withNginx(server: "location / { echo_sleep 0.02; echo done; }") { nginx in
            try await withFetcher({ $0.maxConnections = 5 }) { fetcher, _ in
                let good = try await fetchMany(fetcher, nginx.base, 50, width: 50)
                #expect(good == 50)
                #expect(Set(try nginx.accessLog().map(\.connection)).count <= 5)
            }
        }
    }

    @Test func behindTLSManyFetchesShareAnHTTP2Connection() async throws {
        try await withNginx(tls: true) { nginx in
            try nginx.write("page", [UInt8](repeating: 120, count: 300_000))
            try await withFetcher({ $0.caFile = nginx.caFile }) { fetcher, _ in
                let good = try await fetchMany(fetcher, nginx.tlsBase, 200, width: 100)
                #expect(good == 200)
                let answer = try await fetcher.fetch(makeFetch(nginx.tlsBase + "/page"))
                #expect(answer.body.count == 300_000)
                let log = try nginx.accessLog()
                #expect(Set(log.map(\.version)) == ["HTTP/2.0"])
                #expect(Set(log.map(\.connection)).count <= 2)
            }
        }
    }

    @Test func aConnectionTheServerClosedIsReplaced() async throws {
        try await withNginx(server: "keepalive_timeout 50ms;") { nginx in
            try nginx.write("page", Array("page".utf8))
            try await withFetcher { fetcher, loop in
                for _ in 0..<3 {
                    let answer = try await fetcher.fetch(makeFetch(nginx.base + "/page"))
                    #expect(answer.text == "page")
                    try await loop.sleep(for: .milliseconds(120))
                }
                #expect(Set(try nginx.accessLog().map(\.connection)).count == 3)
            }
        }
    }

    @Test func cancellingTheTaskClosesTheConnectionAtOnce() async throws {
        let listener = try RawListener()
        defer { listener.stop() }
        try await withFetcher { fetcher, loop in
            let task = Task { try await fetcher.fetch(makeFetch("http://127.0.0.1:\(listener.port)/")) }
            let connection = try await listener.acceptRequest(on: loop)
            defer { close(connection) }
            task.cancel()
            try await loop.wait(for: connection, .readable, until: .now + .seconds(5))
            var byte: UInt8 = 0
            #expect(recv(connection, &byte, 1, 0) == 0)
            await expectCancelled(task)
        }
    }

    @Test func aTaskCancelledBeforehandSendsNothing() async throws {
        try await withNginx { nginx in
            try await withFetcher { fetcher, _ in
                let task = Task {
                    while !Task.isCancelled { await Task.yield() }
                    return try await fetcher.fetch(makeFetch(nginx.base + "/")).status
                }
                task.cancel()
                await expectCancelled(task)
                let log = try nginx.accessLog()
                #expect(log.isEmpty)
            }
        }
    }

    @Test func cancellingHalfOfManyLeavesTheOthersAlone() async throws {
        try await withNginx(server: "location / { echo_sleep 0.3; echo done; }") { nginx in
            try await withFetcher { fetcher, _ in
                let tasks = (0..<100).map { number in
                    Task { try await fetcher.fetch(makeFetch("\(nginx.base)/\(number)")).status }
                }
                for (number, task) in tasks.enumerated() where number % 2 == 1 { task.cancel() }
                for (number, task) in tasks.enumerated() {
                    if number % 2 == 0 {
                        let status = try await task.value
                        #expect(status == 200)
                    } else {
                        await expectCancelled(task)
                    }
                }
            }
        }
    }

    @Test func stoppingCancelsWhatRunsAndWhatComesAfter() async throws {
        let listener = try RawListener()
        defer { listener.stop() }
        try await withFetcher { fetcher, loop in
            let request = makeFetch("http://127.0.0.1:\(listener.port)/")
            let task = Task { try await fetcher.fetch(request) }
            let connection = try await listener.acceptRequest(on: loop)
            defer { close(connection) }
            await fetcher.stop()
            await fetcher.stop()
            await expectCancelled(task)
            await expectCancelled(Task { try await fetcher.fetch(request) })
        }
    }
}
