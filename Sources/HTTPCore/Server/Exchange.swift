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

    let requestID: String
    let isHead: Bool
    let minorVersion: Int
    var body: BodyDecoder
    /// Why no more of the body can be read.
    var bodyFailure: HTTPError?
    var awaitsContinue: Bool
    var answer = Answer.none

    init(
        requestID: String, isHead: Bool, minorVersion: Int, body: BodyDecoder, awaitsContinue: Bool
    ) {
        self.requestID = requestID
        self.isHead = isHead
        self.minorVersion = minorVersion
        self.body = body
        self.awaitsContinue = awaitsContinue
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
