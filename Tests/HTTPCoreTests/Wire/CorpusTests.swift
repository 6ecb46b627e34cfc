@testable import HTTPCore
import Testing

/// One case at a time: thousands of tasks at once would keep the other tests, which wait for time-outs, from their turn.
@Suite(.serialized) struct CorpusTests {
    static let firstRequest = Array("GET /first HTTP/1.1\r\nHost: first\r\n\r\n".utf8)
    static let first = CorpusOutcome.accepted(
        CorpusMessage(method: "GET", target: "/first", host: "first"))

    @Test("the corpus has hundreds of cases, none of them twice")
    func isLarge() throws {
        let cases = try Corpus.load()
        #expect(cases.count >= 550)
        #expect(Set(cases.map { "\($0.area): \($0.about)" }).count == cases.count)
        #expect(Set(cases.map(\.bytes)).count == cases.count)
    }

    @Test("each stream of bytes becomes what the corpus says", arguments: try Corpus.load())
    func whole(_ testCase: CorpusCase) {
        expect(testCase.outcomes, of: [testCase.bytes])
    }

    @Test("it makes no difference that bytes come one by one", arguments: try Corpus.load())
    func byteByByte(_ testCase: CorpusCase) {
        expect(testCase.outcomes, of: testCase.bytes.map { [$0] })
    }

    @Test("it makes no difference where the bytes are split", arguments: try Corpus.load())
    func everySplit(_ testCase: CorpusCase) {
        let bytes = testCase.bytes
        // Long ones consist of long runs: their two ends, and some of the middle, are enough.
        let end = bytes.count < 1000 ? bytes.count : 20
        let splits = Set(0...end).union(bytes.count - end...bytes.count)
            .union(stride(from: 0, to: bytes.count, by: bytes.count / 10 + 1))
        for split in splits {
            expect(
                testCase.outcomes, of: [Array(bytes[..<split]), Array(bytes[split...])], "split at \(split)")
        }
    }

    @Test("it makes no difference that a good request came before", arguments: try Corpus.load())
    func pipelined(_ testCase: CorpusCase) {
        expect([Self.first] + testCase.outcomes, of: [Self.firstRequest + testCase.bytes])
    }

    @Test("what comes behind a request is the next one", arguments: try Corpus.load())
    func followed(_ testCase: CorpusCase) {
        guard testCase.leavesConnectionOpen else { return }
        expect(testCase.outcomes + [Self.first], of: [testCase.bytes + Self.firstRequest])
    }

    private func expect(_ outcomes: [CorpusOutcome], of pieces: [[UInt8]], _ comment: Comment? = nil) {
        let found = MessageScanner.scan(pieces).enumerated().map { index, outcome in
            index < outcomes.count ? outcome.comparable(to: outcomes[index]) : outcome
        }
        #expect(found == outcomes, comment)
    }

    @Test(
        "a malformed file of cases is an error that names the line",
        arguments: [
            "text\n", "=== RFC 1 2: a\nGET\n", "=== RFC 1 2: a\n--> 400\n", "=== a\nGET\n--> 400\n",
            "=== RFC 1 2: a\nGET \n--> 400\n", "=== RFC 1 2: a\n\\q\n--> 400\n",
            "=== RFC 1 2: a\n\\x4\n--> 400\n",
            "=== RFC 1 2: a\n\\{3a}\n--> 400\n", "=== RFC 1 2: a\n\\{3*a\n--> 400\n",
            "=== RFC 1 2: a\né\n--> 400\n",
            "=== RFC 1 2: a\nGET\n--> 200\n", "=== RFC 1 2: a\nGET\n--> GET\n",
            "=== RFC 1 2: a\nGET\n--> GET / open\n", "=== RFC 1 2: a\nGET\n--> GET / \"a\n",
            "=== RFC 1 2: a\nGET\n--> 400\n--> 400\n", "=== RFC 1 2: a\nGET\n--> 400\nGET\n", "",
        ])
    func malformedFile(text: String) {
        #expect(throws: Corpus.Malformed.self) { try Corpus.parse(text, file: "some.cases") }
    }
}

extension CorpusOutcome {
    /// Itself, without what `expected` does not speak of.
    func comparable(to expected: CorpusOutcome) -> CorpusOutcome {
        guard case .accepted(var message) = self, case .accepted(let other) = expected else { return self }
        if other.host == nil { message.host = nil }
        return .accepted(message)
    }
}
