import Foundation
import HTTPCore
import Testing

@testable import ScrapeService

@Suite struct CurlFetcherFailureTests {
    @Test func aCutBodyIsALostConnection() async throws {
        let server = """
            location / { chunked_transfer_encoding off; add_header Content-Length 1000; echo "only this"; }
            """
        try await withNginx(server: server) { nginx in
            try await withFetcher { fetcher, _ in
                let failure = try await fetcher.failure(makeFetch(nginx.base + "/"))
                #expect(failure.code == .connectionLost)
            }
        }
    }

    @Test(arguments: [
        "", "HTTP/1.1 200 OK\r\n", "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n", "HTTP/1.1 204",
        "not http at all\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\nnope",
    ])
    func anAnswerThatBreaksOffOrIsNoneIsALostConnection(answer: String) async throws {
        let listener = try RawListener()
        defer { listener.stop() }
        try await withFetcher { fetcher, loop in
            async let failure = fetcher.failure(makeFetch("http://127.0.0.1:\(listener.port)/"))
            let connection = try await listener.acceptRequest(on: loop)
            listener.answer(connection, answer)
            close(connection)
            let code = try await failure.code
            #expect(code == .connectionLost)
        }
    }

    @Test func aServerThatStallsTimesOut() async throws {
        let server = """
            location = /before { echo_sleep 30; echo late; }
            location = /within { echo begun; echo_flush; echo_sleep 30; echo late; }
            """
        try await withNginx(server: server) { nginx in
            try await withFetcher { fetcher, _ in
                for path in ["/before", "/within"] {
                    let request = makeFetch(nginx.base + path, timeout: .milliseconds(400))
                    let failure = try await fetcher.failure(request)
                    #expect(failure.code == .timeout)
                    #expect(failure.detail == "no complete answer within 0.4 seconds")
                    #expect(failure.seconds >= 0.39 && failure.seconds < 10)
                }
            }
        }
    }

    @Test func aConnectionNobodyAcceptsTimesOut() async throws {
        // The backlog of a listener that never accepts fills up; then the system answers no more.
        let listener = try RawListener()
        defer { listener.stop() }
        listen(listener.descriptor, 0)
        try await withFetcher { fetcher, _ in
            let request = makeFetch(
                "http://127.0.0.1:\(listener.port)/", timeout: .seconds(1), connectTimeout: .milliseconds(300)
            )
            let details = try await withThrowingTaskGroup(of: String.self) { group in
                for _ in 0..<4 { group.addTask { try await fetcher.failure(request).detail } }
                return try await group.reduce(into: Set()) { $0.insert($1) }
            }
            #expect(details.contains("no connection within 0.3 seconds"))
        }
    }

    @Test func aRefusedConnectionIsAConnectFailure() async throws {
        let port = try TestNginx.freePorts(1)[0]
        try await withFetcher { fetcher, _ in
            let failure = try await fetcher.failure(makeFetch("http://127.0.0.1:\(port)/"))
            #expect(failure.code == .connectFailed)
            #expect(!failure.detail.contains("127"))
        }
    }

    @Test func anUnknownHostIsADNSFailure() async throws {
        try await withFetcher { fetcher, _ in
            let failure = try await fetcher.failure(makeFetch("http://nonexistent.invalid/"))
            #expect(failure.code == .dnsFailed)
        }
    }

    @Test func aCertificateNobodySignedIsATLSFailure() async throws {
        try await withNginx(tls: true) { nginx in
            try await withFetcher { fetcher, _ in
                let failure = try await fetcher.failure(makeFetch(nginx.tlsBase + "/"))
                #expect(failure.code == .tlsFailed)
            }
        }
    }

    @Test func aServerWithoutTLSIsATLSFailure() async throws {
        try await withNginx { nginx in
            try await withFetcher { fetcher, _ in
                let failure = try await fetcher.failure(makeFetch("https://127.0.0.1:\(nginx.port)/"))
                #expect(failure.code == .tlsFailed)
            }
        }
    }
}
