import HTTPCore
import HTTPTypes
import Logging
import Testing

/// The corpus over a socket: what a client sees of each case.
@Suite(.timeLimit(.minutes(2))) struct CorpusServerTests {
    /// Answers with what it was asked, so that the answer shows how the request was understood.
    private struct Mirror: Responder {
        /// Bodies aside, answers without a task.
        let isImmediate: Bool

        func handler(for request: inout Request) -> Handler {
            let hasBody = request.headers[.contentLength] != nil || request.headers[.transferEncoding] != nil
            if isImmediate, !hasBody { return .immediate { Self.answer(to: $0, []) } }
            return .suspending { Self.answer(to: $0, try await $0.body.collect(upTo: 16 << 20)) }
        }

        private static func answer(to request: Request, _ body: [UInt8]) -> Response {
            let target = request.path + (request.query.map { "?" + $0 } ?? "")
            let head = CorpusServerTests.content(request.method.rawValue, target, [])
            return Response(status: .ok, body: .bytes(head + body))
        }
    }

    private static func content(_ method: String, _ target: String, _ body: [UInt8]) -> [UInt8] {
        Array("\(method) \(target)\n".utf8) + body
    }

    /// What of an answer is compared.
    private struct Answer: Hashable, CustomStringConvertible {
        var status: Int
        var closes: Bool
        var content: [UInt8]
        var hasDate: Bool

        var description: String { "\(status) closes \(closes) date \(hasDate) \(content.count) bytes" }
    }

    @Test("a client gets the answers that the corpus says, and learns of the end", arguments: [false, true])
    func whole(isImmediate: Bool) async throws {
        try await run(isImmediate: isImmediate, behind: [])
    }

    @Test("a good request before a case is answered before it", arguments: [false, true])
    func pipelined(isImmediate: Bool) async throws {
        try await run(isImmediate: isImmediate, behind: CorpusTests.firstRequest)
    }

    private func run(isImmediate: Bool, behind first: [UInt8]) async throws {
        let loop = try EventLoop(name: "corpus")
        let server = Server(
            loop: loop, limits: TestServer.makeLimits(),
            logger: Logger(label: "test") { _ in LogRecorder().handler },
            responder: Mirror(isImmediate: isImmediate))
        let port = try await server.start(host: "127.0.0.1", port: 0)
        for testCase in try Corpus.load() {
            let outcomes = (first.isEmpty ? [] : [CorpusTests.first]) + testCase.outcomes
            let raw = try await exchange(first + testCase.bytes, loop: loop, port: port)
            let expected = outcomes.compactMap(Self.answer)
            var found = Self.answers(raw, to: outcomes)
            // The reason's wording is free.
            for index in found.indices where found[index].status != 200 && !found[index].content.isEmpty {
                found[index].content = [0]
            }
            #expect(found == expected, "\(testCase)")
        }
        await server.shutdown()
        loop.stop()
    }

    /// Sends all, ends its side, and reads to the end.
    private func exchange(_ bytes: [UInt8], loop: EventLoop, port: Int) async throws -> [UInt8] {
        let socket = try await Socket.connect(loop: loop, host: "127.0.0.1", port: port)
        // A server that refuses early may have closed before the rest is sent.
        try? await socket.write(bytes)
        await socket.finishWriting()
        var answer: [UInt8] = []
        while let piece = try? await socket.read() { answer += piece }
        await socket.close()
        return answer
    }

    private static func answer(to outcome: CorpusOutcome) -> Answer? {
        switch outcome {
        case .accepted(let message):
            let content =
                message.method == "HEAD" ? [] : content(message.method, message.target, message.body)
            return Answer(status: 200, closes: message.closes, content: content, hasDate: true)
        case .refused(let status, let isEmpty):
            return Answer(status: status, closes: true, content: isEmpty ? [] : [0], hasDate: true)
        case .incompleteHead: return nil
        case .incompleteBody: return Answer(status: 400, closes: true, content: [0], hasDate: true)
        }
    }

    /// Takes final answers apart; interim ones, which depend on when bytes arrive, are left out.
    private static func answers(_ raw: [UInt8], to outcomes: [CorpusOutcome]) -> [Answer] {
        var answers: [Answer] = []
        var rest = raw[...]
        while let end = rest.firstRange(of: Array("\r\n\r\n".utf8)) {
            let lines = String(decoding: rest[..<end.lowerBound], as: UTF8.self).lowercased()
                .split(separator: "\r\n")
            rest = rest[end.upperBound...]
            guard let status = Int(lines[0].split(separator: " ")[1]) else { break }
            if status < 200 { continue }
            let length = lines.first { $0.hasPrefix("content-length: ") }.flatMap { Int($0.dropFirst(16)) }
            let isEmpty = answers.count < outcomes.count && outcomes[answers.count].answersHead
            let content = rest.prefix(isEmpty ? 0 : length ?? 0)
            rest = rest.dropFirst(content.count)
            answers.append(
                Answer(
                    status: status, closes: lines.contains("connection: close"), content: Array(content),
                    hasDate: lines.contains { $0.hasPrefix("date: ") }))
        }
        #expect(rest.isEmpty, "bytes behind the last answer")
        return answers
    }
}

extension CorpusOutcome {
    fileprivate var answersHead: Bool {
        switch self {
        case .accepted(let message): message.method == "HEAD"
        case .refused(_, let isEmpty): isEmpty
        case .incompleteHead, .incompleteBody: false
        }
    }
}
