import HTTPTypes

/// One request and how far its answer is. Belongs to its connection.
final class Exchange {
    enum Answer {
        case none
        /// A streamed answer whose head leaves with its first bytes.
        case announced(Response, length: Int?)
        /// The head is out; `left` bytes may follow, if that is known.
        case streaming(ResponseFraming, left: Int?)
        case complete
    }

    /// `nil` for what was no request.
    let request: Request?
    let requestID: String
    /// "The server MUST NOT send content in the response" to HEAD (RFC 9110, section 9.3.2), nor in a refusal of one.
    let isHead: Bool
    let minorVersion: Int
    let start: LoopTime
    /// Where in all of the connection's output the answer begins.
    let outputStart: Int
    var body: BodyDecoder
    /// Of the body, read so far.
    var bodyBytes = 0
    /// Why no more of the body can be read.
    var bodyFailure: HTTPError?
    var awaitsContinue: Bool
    var answer = Answer.none
    var status = 0
    /// Nobody reads the body any more but to skip it.
    var isAnswered = false

    init(
        request: Request?, id: String? = nil, isHead: Bool = false, minorVersion: Int, body: BodyDecoder,
        awaitsContinue: Bool, start: LoopTime, outputStart: Int
    ) {
        self.request = request
        requestID = id ?? request?.id ?? RequestID.generate()
        self.isHead = isHead || request?.method == .head
        self.minorVersion = minorVersion
        self.body = body
        self.awaitsContinue = awaitsContinue
        self.start = start
        self.outputStart = outputStart
    }

    func summary(remoteAddress: String?, responseBytes: Int, duration: Duration) -> RequestSummary {
        RequestSummary(
            method: request?.method, route: request?.route, path: request?.path ?? "", status: status,
            isComplete: isComplete, requestBodyBytes: bodyBytes, responseBytes: responseBytes,
            duration: duration, id: requestID, remoteAddress: remoteAddress)
    }

    private var isComplete: Bool {
        if case .complete = answer { true } else { false }
    }

    /// Whether an error can no longer become an answer.
    var hasBegunAnswer: Bool {
        switch answer {
        case .none, .announced: false
        case .streaming, .complete: true
        }
    }
}

/// Why a handler's read or write came to nothing.
enum ConnectionError: Error, Hashable, Sendable {
    case clientLeft
    /// A body or a writer was used after its request was answered.
    case requestIsOver
    /// Two tasks read one body.
    case secondReader
    /// A streamed body was longer or shorter than announced.
    case wrongLength
}

/// The body of one request as its handler sees it.
struct ConnectionBody: BodySource {
    let connection: Connection
    let number: UInt64

    func nextPiece() async throws -> [UInt8]? {
        try await connection.nextBodyPiece(of: number)
    }
}

/// The way to the client as a streamed answer's producer sees it.
struct ConnectionWriter: ResponseWriter {
    let connection: Connection
    let number: UInt64

    func write(_ bytes: [UInt8]) async throws {
        try await connection.write(bytes, for: number)
    }
}
