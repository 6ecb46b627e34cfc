import Glibc
import Testing

@testable import ScrapeService

/// Servers that mean harm: each ends a fetch within its limits, with a code of the ledger.
@Suite struct HostileAnswerTests {
    private static let head = "HTTP/1.1 200 OK\r\n"

    private func failure(
        timeout: Duration = .seconds(20), _ answer: @escaping HostileServer.Answer
    ) async throws -> FetchFailure {
        try await withHostileServer(answer) { server in
            try await withFetcher { fetcher, _ in
                try await fetcher.failure(
                    makeFetch(server.base + "/", timeout: timeout, maxBodyBytes: 1 << 20))
            }
        }
    }

    @Test(arguments: [
        "Connection: close\r\n\r\n", "Content-Length: 900000000000\r\n\r\n",
        "Content-Length: 1048577\r\n\r\n",
        "Content-Length: 99999999999999999999999999\r\n\r\n",
        "Transfer-Encoding: chunked\r\n\r\n7fffffff\r\n",
        "Transfer-Encoding: chunked\r\n\r\n7fffffffffffffff\r\n",
    ])
    func aBodyWithoutEndStopsAtTheLimit(fields: String) async throws {
        let noise = String(repeating: "endless ", count: 4096)
        let failure = try await failure { connection, _ in
            write(connection, Self.head + fields)
            return writeForever(connection, noise)
        }
        #expect(failure.code == .tooLarge)
    }

    @Test func aBodyOfEndlesslyManyChunksStopsAtTheLimit() async throws {
        let chunks = String(repeating: "1\r\nx\r\n", count: 4096)
        let failure = try await failure { connection, _ in
            write(connection, Self.head + "Transfer-Encoding: chunked\r\n\r\n")
            return writeForever(connection, chunks)
        }
        #expect(failure.code == .tooLarge)
    }

    @Test(arguments: [
        "1000000000000000000000\r\n", "-1\r\nx", "0x10\r\n", "\r\n\r\n", "5 ;\r\nab", " 5\r\nabcde", "g\r\n",
        "5",
        "5\r\nabcdefgh\r\n0\r\n\r\n", "5\r\nabc",
    ])
    func anOddChunkIsALostConnection(chunk: String) async throws {
        let failure = try await failure { connection, _ in
            write(connection, Self.head + "Transfer-Encoding: chunked\r\n\r\n" + chunk)
            return false
        }
        #expect(failure.code == .connectionLost)
    }

    @Test func trailersWithoutEndAreTooLarge() async throws {
        let trailers = String(repeating: "X-Trailer: more\r\n", count: 1024)
        let failure = try await failure { connection, _ in
            write(connection, Self.head + "Transfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n")
            return writeForever(connection, trailers)
        }
        #expect(failure.code == .tooLarge)
    }

    @Test(arguments: ["HTTP/1.1 100 Continue\r\n\r\n", "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"])
    func interimAnswersWithoutEndAreTooLarge(interim: String) async throws {
        let many = String(repeating: interim, count: 512)
        let failure = try await failure { connection, _ in writeForever(connection, many) }
        #expect(failure.code == .tooLarge)
        #expect(failure.detail == "the header fields of the answer are too large")
    }

    @Test(arguments: ["X-Field: value\r\n", "x"])
    func aHeadWithoutEndIsTooLarge(piece: String) async throws {
        let many = String(repeating: piece, count: 4096)
        let failure = try await failure { connection, _ in
            write(connection, Self.head + "X-First: ")
            return writeForever(connection, many)
        }
        #expect(failure.code == .tooLarge)
    }

    @Test(arguments: ["HTTP/1.1 ", "HTTP/1.1 200 OK\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n"])
    func aServerThatSendsAByteAtATimeTimesOut(begin: String) async throws {
        let failure = try await failure(timeout: .milliseconds(600)) { connection, _ in
            write(connection, begin)
            return writeForever(connection, "x", pause: 20_000)
        }
        #expect(failure.code == .timeout)
        #expect(failure.seconds < 10)
    }

    @Test func aBodyLongerThanAnnouncedSpoilsNoOtherAnswer() async throws {
        try await withHostileServer { connection, request in
            let stray = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil"
            return writeAnswer(connection, "200 OK", [], request.path, behind: stray)
        } _: { server in
            try await withFetcher { fetcher, _ in
                for number in 0..<5 {
                    let answer = try await fetcher.fetch(makeFetch("\(server.base)/\(number)"))
                    #expect(answer.text == "/\(number)")
                }
                #expect(server.connections == 5)
            }
        }
    }

    @Test(arguments: [
        ["Content-Encoding: gzip, gzip"], ["Content-Encoding: gzip", "Content-Encoding: br"],
        ["content-encoding:deflate,gzip"], ["Transfer-Encoding: gzip, chunked", "Content-Encoding: gzip"],
        ["Transfer-Encoding: gzip, gzip, chunked"],
    ])
    func aBodyCodedTwiceIsRefused(fields: [String]) async throws {
        let failure = try await failure { connection, _ in
            write(connection, Self.head + fields.joined(separator: "\r\n") + "\r\n\r\n")
            return false
        }
        #expect(failure.code == .tooLarge)
        #expect(failure.detail == "the body is compressed more than once")
    }

    @Test(arguments: [
        ["Content-Encoding: identity"], ["Content-Encoding: identity, identity"], ["Content-Encoding: ,"],
        ["Contents: a, b, c"],
    ])
    func whatIsNoCodingIsNotCounted(fields: [String]) async throws {
        try await withHostileServer { connection, _ in
            writeAnswer(connection, "200 OK", fields, "plain")
        } _: { server in
            try await withFetcher { fetcher, _ in
                let answer = try await fetcher.fetch(makeFetch(server.base + "/"))
                #expect(answer.text == "plain")
            }
        }
    }

    @Test func aRedirectsBodyWithoutEndIsNotReadToItsEnd() async throws {
        let noise = String(repeating: "moved ", count: 4096)
        try await withHostileServer { connection, request in
            if request.path == "/to" { return writeAnswer(connection, "200 OK", [], "here") }
            write(connection, "HTTP/1.1 302 Found\r\nLocation: /to\r\nConnection: close\r\n\r\n")
            return writeForever(connection, noise)
        } _: { server in
            try await withFetcher { fetcher, _ in
                let answer = try await fetcher.fetch(makeFetch(server.base + "/from"))
                #expect(answer.text == "here")
            }
        }
    }
}
