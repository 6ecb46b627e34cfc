@testable import HTTPCore
import HTTPTypes

/// Reads requests off a stream of bytes as a connection does, without one: parser, reader and body decoder alone.
struct MessageScanner {
    private let limits = WireLimits()
    private var parser = RequestParser(limits: WireLimits())
    private var buffer: [UInt8] = []
    private var message: CorpusMessage?
    private var decoder = BodyDecoder(.none, limits: WireLimits())
    private var isOver = false
    private var outcomes: [CorpusOutcome] = []

    static func scan(_ pieces: [[UInt8]]) -> [CorpusOutcome] {
        var scanner = MessageScanner()
        for piece in pieces { scanner.take(piece) }
        return scanner.finish()
    }

    private mutating func take(_ piece: [UInt8]) {
        buffer += piece
        do throws(HTTPError) {
            while !isOver, try step() {}
        } catch {
            outcomes.append(.refused(status: error.status.code, isEmpty: isHead))
            isOver = true
        }
    }

    private mutating func finish() -> [CorpusOutcome] {
        if isOver { return outcomes }
        if message != nil { return outcomes + [.incompleteBody] }
        return parser.hasBegun ? outcomes + [.incompleteHead] : outcomes
    }

    private var isHead: Bool { message.map { $0.method == "HEAD" } ?? parser.isHead }

    /// False when more bytes are needed.
    private mutating func step() throws(HTTPError) -> Bool {
        let bytes = buffer
        guard message != nil else {
            guard let length = try parser.parse(bytes.span) else { return false }
            var reader = RequestReader()
            var head = RequestHead()
            try reader.read(parser, bytes.span, from: nil, into: &head)
            begin(head)
            parser.reset()
            buffer.removeFirst(length)
            return true
        }
        var piece: [UInt8] = []
        buffer.removeFirst(try decoder.decode(bytes.span, into: &piece))
        message?.body += piece
        guard decoder.isComplete, let whole = message else { return false }
        outcomes.append(.accepted(whole))
        isOver = whole.closes
        message = nil
        return true
    }

    private mutating func begin(_ head: RequestHead) {
        let request = head.request
        message = CorpusMessage(
            method: request.method.rawValue, target: request.path + (request.query.map { "?" + $0 } ?? ""),
            host: request.headers[FieldNames.host], closes: !head.keepsAlive,
            expectsContinue: head.expectsContinue)
        decoder = BodyDecoder(head.framing, limits: limits)
    }
}
