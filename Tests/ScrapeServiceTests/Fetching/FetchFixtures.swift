import Glibc
import HTTPCore
import Testing

@testable import ScrapeService

/// Runs `body` with a fetcher on a loop of its own; it may go to loopback unless told otherwise.
func withFetcher<Value>(
    allow: [String] = ["127.0.0.0/8", "::1"], names: NameSettings = NameSettings(),
    _ configure: (inout CurlSettings) -> Void = { _ in },
    _ body: (CurlFetcher, EventLoop) async throws -> Value
) async throws -> Value {
    let loop = try EventLoop(name: "fetch-test")
    var configuration = FetchConfiguration(egress: EgressPolicy(allowed: try allow.map { try CIDR($0) }))
    configuration.names = names
    configure(&configuration.curl)
    let fetcher = try CurlFetcher(loop: loop, configuration: configuration)
    let result: Result<Value, any Error>
    do { result = .success(try await body(fetcher, loop)) } catch { result = .failure(error) }
    await fetcher.stop()
    loop.stop()
    return try result.get()
}

func makeFetch(
    _ url: String, timeout: Duration = .seconds(20), connectTimeout: Duration = .seconds(10),
    maxRedirects: Int = 10,
    maxBodyBytes: Int = 10 << 20, cutsBody: Bool = false, body: [UInt8]? = nil, headers: [HeaderField] = []
) -> FetchRequest {
    FetchRequest(
        url: WebURL(canonical: url), body: body, timeout: timeout, connectTimeout: connectTimeout,
        maxRedirects: maxRedirects, maxBodyBytes: maxBodyBytes, cutsBody: cutsBody,
        userAgent: "fetch-test/1", headers: headers)
}

extension CurlFetcher {
    /// The failure of a fetch that must fail.
    func failure(
        _ request: FetchRequest, sourceLocation: SourceLocation = #_sourceLocation
    ) async throws -> FetchFailure {
        let failure = await #expect(throws: FetchFailure.self, sourceLocation: sourceLocation) {
            _ = try await self.fetch(request)
        }
        return try #require(failure, sourceLocation: sourceLocation)
    }
}

extension FetchResponse {
    var text: String { String(decoding: body, as: UTF8.self) }
}

/// A socket that listens on loopback and does only what a test makes it do.
struct RawListener {
    let descriptor: Int32
    let port: UInt16

    init() throws {
        descriptor = socket(
            AF_INET,
            Int32(SOCK_STREAM.rawValue) | Int32(SOCK_NONBLOCK.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        port = try TestNginx.bindToLoopback(descriptor)
        listen(descriptor, 16)
    }

    /// The next connection, with the first bytes it sent.
    func acceptRequest(on loop: EventLoop) async throws -> Int32 {
        try await loop.wait(for: descriptor, .readable, until: .now + .seconds(10))
        let connection = accept(descriptor, nil, nil)
        try await loop.wait(for: connection, .readable, until: .now + .seconds(10))
        var buffer = [UInt8](repeating: 0, count: 4096)
        _ = recv(connection, &buffer, buffer.count, 0)
        return connection
    }

    func answer(_ connection: Int32, _ text: String) {
        let bytes = Array(text.utf8)
        _ = send(connection, bytes, bytes.count, Int32(MSG_NOSIGNAL))
    }

    func stop() { close(descriptor) }
}
