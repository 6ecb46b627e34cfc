import Glibc
import Synchronization
import Testing

@testable import ScrapeService

/// Bodies that are handed over piece by piece while they arrive.
@Suite struct BodyStreamingTests {
    /// Takes a body, and does what a test wants before it takes the next bytes.
    private actor Collector: BodySink {
        private(set) var heads: [FetchResponse] = []
        private(set) var body: [UInt8] = []
        private(set) var largest = 0
        private let pause: @Sendable (Int) async throws -> Void

        init(pause: @escaping @Sendable (Int) async throws -> Void = { _ in }) { self.pause = pause }

        func begin(_ head: FetchResponse) { heads.append(head) }

        func write(_ bytes: [UInt8]) async throws {
            body += bytes
            largest = max(largest, bytes.count)
            try await pause(body.count)
        }
    }

    private struct Enough: Error {}

    private func fetch(
        _ url: String, into sink: Collector, timeout: Duration = .seconds(20),
        stallTimeout: Duration = .seconds(10), maxBodyBytes: Int = 1 << 20,
        allow: [String] = ["127.0.0.0/8"]
    ) async throws -> FetchResponse {
        try await withFetcher(allow: allow) { fetcher, _ in
            var request = makeFetch(url, timeout: timeout, maxBodyBytes: maxBodyBytes)
            request.streaming = BodyStreaming(sink: sink, stallTimeout: stallTimeout)
            return try await fetcher.fetch(request)
        }
    }

    private static func bytes(_ count: Int) -> [UInt8] {
        (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ $0 >> 8) }
    }

    @Test(arguments: [1, 16_384, 262_144, 262_145, 5_000_000])
    func aBodyArrivesWholeAndInPieces(size: Int) async throws {
        let content = Self.bytes(size)
        let sink = Collector()
        let response = try await withNginx(server: "add_header Content-Disposition 'attachment';") { nginx in
            try nginx.write("file.bin", content)
            return try await fetch(nginx.base + "/file.bin", into: sink)
        }
        #expect(await sink.body == content)
        #expect(await sink.largest <= CurlBodyStream.maxBytes)
        #expect(response.body.isEmpty && response.streamedBytes == size)
        let head = try #require(await sink.heads.first)
        #expect(await sink.heads.count == 1)
        #expect(head.status == 200 && head.fields?.contentLength == Int64(size))
        #expect(head.etag?.hasPrefix("\"") == true && head.lastModified?.hasSuffix("GMT") == true)
        #expect(head.fields?.contentDisposition == "attachment" && head.fields?.date != nil)
        #expect(head.fields?.contentEncoding == nil && head.fields?.contentRange == nil)
    }

    @Test func anEmptyBodyHasAHead() async throws {
        let sink = Collector()
        let response = try await withNginx(server: "location = /none { return 204; }") { nginx in
            try await fetch(nginx.base + "/none", into: sink)
        }
        #expect(response.status == 204)
        #expect(await sink.heads.map(\.status) == [204])
        #expect(await sink.body.isEmpty)
    }

    @Test func otherAnswersAreCollected() async throws {
        let sink = Collector()
        let response = try await withNginx(
            server: "location = /gone { return 410 'gone for good'; } location = /moved { return 302 /gone; }"
        ) { nginx in
            try await fetch(nginx.base + "/moved", into: sink)
        }
        #expect(response.status == 410 && response.text == "gone for good")
        #expect(await sink.heads.isEmpty)
    }

    @Test func theLimitOfOtherAnswersStillHolds() async throws {
        let sink = Collector()
        let failure = await #expect(throws: FetchFailure.self) {
            try await withHostileServer({ connection, _ in
                write(connection, "HTTP/1.1 500 No\r\nConnection: close\r\n\r\n")
                return writeForever(connection, "endless ")
            }) { server in try await fetch(server.base + "/", into: sink, maxBodyBytes: 1000) }
        }
        #expect(failure?.code == .tooLarge)
    }

    /// What the kernel's buffers and the stretch in memory take is all that a server gets rid of.
    @Test func aSlowSinkHoldsTheServerBack() async throws {
        let sent = Atomic(0)
        let sink = Collector { total in
            if total < 1 << 20 { try await Task.sleep(for: .milliseconds(700)) } else { throw Enough() }
        }
        let block = [UInt8](repeating: 7, count: 64 << 10)
        await #expect(throws: Enough.self) {
            try await withHostileServer({ connection, _ in
                write(connection, "HTTP/1.1 200 OK\r\nContent-Length: 4000000000\r\n\r\n")
                while write(connection, block) { sent.add(block.count, ordering: .relaxed) }
                return false
            }) { server in try await fetch(server.base + "/", into: sink) }
        }
        let total = sent.load(ordering: .relaxed)
        #expect(total > 1 << 20)
        #expect(total < 32 << 20, "the sink took 1 MiB, the server sent \(total) bytes")
    }

    /// Longer than the server may be silent: it is not the server that is slow.
    @Test func aPausedTransferDoesNotStall() async throws {
        let content = Self.bytes(8 << 20)
        let pauses = Atomic(0)
        let sink = Collector { _ in
            guard pauses.add(1, ordering: .relaxed).oldValue == 0 else { return }
            try await Task.sleep(for: .seconds(3))
        }
        _ = try await withNginx { nginx in
            try nginx.write("file.bin", content)
            return try await fetch(nginx.base + "/file.bin", into: sink, stallTimeout: .seconds(1))
        }
        #expect(await sink.body == content)
    }

    @Test(arguments: ["", "HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\nthe beginning"])
    func aServerThatStallsTimesOut(beginning: String) async throws {
        let sink = Collector()
        let began = ContinuousClock.now
        let failure = await #expect(throws: FetchFailure.self) {
            try await withHostileServer({ connection, _ in
                write(connection, beginning)
                sleep(30)
                return false
            }) { server in try await fetch(server.base + "/", into: sink, stallTimeout: .seconds(1)) }
        }
        #expect(failure?.code == .timeout)
        #expect(failure?.detail == "the server sent nothing for \(Duration.seconds(1))")
        #expect(ContinuousClock.now - began < .seconds(15))
    }

    @Test func theWholeHasItsOwnTime() async throws {
        let sink = Collector()
        let failure = await #expect(throws: FetchFailure.self) {
            try await withHostileServer({ connection, _ in
                write(connection, "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")
                return writeForever(connection, "drip", pause: 100_000)
            }) { server in try await fetch(server.base + "/", into: sink, timeout: .seconds(2)) }
        }
        #expect(failure?.code == .timeout)
        #expect(failure?.detail == "no complete answer within \(Duration.seconds(2))")
    }

    /// What came before is there to go on from.
    @Test func aCutBodyIsHandedOverAsFarAsItCame() async throws {
        let sink = Collector()
        let failure = await #expect(throws: FetchFailure.self) {
            try await withHostileServer({ connection, _ in
                write(connection, "HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
                write(connection, Self.bytes(300_000))
                return false
            }) { server in try await fetch(server.base + "/", into: sink) }
        }
        #expect(failure?.code == .connectionLost)
        #expect(await sink.body == Self.bytes(300_000))
        #expect(await sink.heads.count == 1)
    }

    @Test func aCodingThatWasNotAskedForIsUndone() async throws {
        let sink = Collector()
        let server = "gzip on; gzip_types *; gzip_min_length 1; gzip_http_version 1.0;"
        try await withNginx(server: server + "location = /asked { return 200 '[$http_accept_encoding]'; }") {
            nginx in
            _ = try await fetch(nginx.base + "/asked", into: sink)
        }
        #expect(await sink.body == Array("[identity]".utf8))
        let bomb = Collector()
        try await withHostileServer({ connection, _ in
            let gzip: [UInt8] = [
                31, 139, 8, 0, 0, 0, 0, 0, 2, 3, 203, 72, 205, 201, 201, 7, 0, 134, 166, 16, 54, 5, 0, 0, 0,
            ]
            write(
                connection,
                "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: \(gzip.count)\r\n\r\n")
            return write(connection, gzip)
        }) { server in _ = try await fetch(server.base + "/", into: bomb) }
        #expect(await bomb.body == Array("hello".utf8))
        #expect(await bomb.heads.first?.fields?.contentEncoding == "gzip")
    }

    /// Of these a few bytes may be gigabytes, which libcurl would keep while the sink is busy.
    @Test(arguments: ["br", "zstd", "gzip;q=1", "compress"])
    func aCodingWithoutABoundIsRefused(coding: String) async throws {
        let sink = Collector()
        let failure = await #expect(throws: FetchFailure.self) {
            try await withHostileServer({ connection, _ in
                write(
                    connection,
                    "HTTP/1.1 200 OK\r\nContent-Encoding: \(coding)\r\nContent-Length: 1\r\n\r\nx")
            }) { server in try await fetch(server.base + "/", into: sink) }
        }
        #expect(failure?.code == .tooLarge)
        #expect(failure?.detail == "the body is compressed in a way that was not asked for")
        #expect(await sink.heads.isEmpty)
    }

    @Test func cancellingEndsTheTransfer() async throws {
        let sink = Collector { _ in try await Task.sleep(for: .seconds(20)) }
        let began = ContinuousClock.now
        try await withHostileServer({ connection, _ in
            write(connection, "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")
            return writeForever(connection, String(repeating: "x", count: 4096))
        }) { server in
            let fetching = Task { try await fetch(server.base + "/", into: sink) }
            while await sink.body.isEmpty { try await Task.sleep(for: .milliseconds(5)) }
            fetching.cancel()
            await #expect(throws: CancellationError.self) { _ = try await fetching.value }
        }
        #expect(ContinuousClock.now - began < .seconds(10))
    }

    @Test func otherFetchesTellFieldsOnlyWhenAsked() async throws {
        try await withNginx { nginx in
            try nginx.write("page.html", Array("page".utf8))
            try await withFetcher { fetcher, _ in
                var request = makeFetch(nginx.base + "/page.html")
                #expect(try await fetcher.fetch(request).fields == nil)
                request.wantsFields = true
                let response = try await fetcher.fetch(request)
                #expect(response.etag != nil && response.lastModified != nil && response.text == "page")
            }
        }
    }
}
