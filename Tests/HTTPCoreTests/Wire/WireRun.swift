@testable import HTTPCore
import HTTPTypes

/// A request as values that can be compared.
struct WireMessage: Equatable {
    struct Head: Equatable {
        var method: String
        var path: String
        var query: String?
        var names: [String]
        var values: [[UInt8]]
        var minorVersion: Int
        var framing: BodyFraming
        var keepsAlive: Bool
        var expectsContinue: Bool
        var requestID: String?
    }

    /// `nil` where only a chunked body is read.
    var head: Head?
    var body: [UInt8] = []
    /// The first byte, blank lines before the request line included, and the one behind the last.
    var start: Int
    var end: Int

    /// The same message wherever it stood.
    func isSame(as other: WireMessage) -> Bool { head == other.head && body == other.body }
}

/// What became of a connection's bytes.
struct WireOutcome: Equatable {
    enum End: Equatable {
        /// More bytes could follow.
        case open
        /// The connection ends behind the last message.
        case closed
        case refused(status: Int, reason: String)
    }

    var messages: [WireMessage] = []
    var end = End.open
}

/// Reads a connection's requests and bodies as `Connection` does, without one: all bytes since a message's start to the
/// parser, new bytes to the decoder.
struct WireRun {
    enum Start { case request, chunkedBody }

    private(set) var outcome = WireOutcome()
    /// How many bytes had arrived when each message was complete.
    private(set) var arrivals: [Int] = []
    private let limits: WireLimits
    private let stopsBehindBody: Bool
    private var parser: RequestParser
    private var decoder: BodyDecoder?
    private var message: WireMessage
    /// All bytes before it are used.
    private var position = 0

    init(_ start: Start = .request, limits: WireLimits = WireLimits()) {
        self.limits = limits
        stopsBehindBody = start == .chunkedBody
        parser = RequestParser(limits: limits)
        decoder = start == .chunkedBody ? BodyDecoder(.chunked, limits: limits) : nil
        message = WireMessage(start: 0, end: 0)
    }

    /// The outcome of `bytes` that arrive in pieces, which end at `cuts` and at the last byte.
    static func outcome(
        of bytes: [UInt8], cuts: some Sequence<Int> = EmptyCollection(), _ start: Start,
        limits: WireLimits = WireLimits()
    ) -> WireRun {
        var run = WireRun(start, limits: limits)
        for cut in cuts { run.take(bytes.span.extracting(0..<cut)) }
        run.take(bytes.span)
        return run
    }

    /// Goes on with `bytes`: all of the connection's so far.
    private mutating func take(_ bytes: Span<UInt8>) {
        do throws(HTTPError) {
            while outcome.end == .open, try step(bytes) {}
        } catch {
            outcome.end = .refused(status: error.status.code, reason: error.reason)
        }
    }

    /// Whether there may be more to do with these bytes.
    private mutating func step(_ bytes: Span<UInt8>) throws(HTTPError) -> Bool {
        if decoder == nil {
            let unread = bytes.extracting(message.start..<bytes.count)
            guard let length = try parser.parse(unread) else { return false }
            var reader = RequestReader()
            let head = try reader.read(parser, unread)
            message.head = WireMessage.Head(head)
            position = message.start + length
            decoder = BodyDecoder(head.framing, limits: limits)
        }
        position += try decoder?.decode(bytes.extracting(position..<bytes.count), into: &message.body) ?? 0
        guard decoder?.isComplete == true else { return false }
        endMessage(arrived: bytes.count)
        return true
    }

    private mutating func endMessage(arrived: Int) {
        message.end = position
        outcome.messages.append(message)
        arrivals.append(arrived)
        if stopsBehindBody || message.head?.keepsAlive == false { outcome.end = .closed }
        message = WireMessage(start: position, end: position)
        decoder = nil
        parser.reset()
    }
}

extension WireMessage.Head {
    init(_ head: RequestHead) {
        method = head.method.rawValue
        path = head.path
        query = head.query
        names = head.headers.map(\.name.rawName)
        values = head.headers.map { $0.withUnsafeBytesOfValue { Array($0) } }
        minorVersion = head.minorVersion
        framing = head.framing
        keepsAlive = head.keepsAlive
        expectsContinue = head.expectsContinue
        let sent = head.headers[HTTPField.Name("X-Request-Id")!]
        requestID = sent == head.requestID ? sent : nil
    }
}
