import HTTPTypes
import Synchronization

/// Where a body's bytes come from; each piece is handed out once.
protocol BodySource: Sendable {
    /// The next piece, never empty; `nil` after the last one.
    func nextPiece() async throws -> [UInt8]?
}

/// A request's body: read once, in pieces, as they arrive. Reading is what sends `100 Continue` (RFC 9110, section 10.1.1).
public struct RequestBody: Sendable, AsyncSequence {
    /// A piece, never empty.
    public typealias Element = [UInt8]

    /// No content.
    public static let empty = RequestBody(source: nil, length: 0)

    /// In bytes, when it is known before the body is read (`Content-Length`).
    public let length: Int?
    private let source: (any BodySource)?

    init(source: (any BodySource)?, length: Int?) {
        self.source = source
        self.length = length
    }

    /// Content that is in memory already.
    public init(bytes: [UInt8]) {
        self.init(source: bytes.isEmpty ? nil : BufferedBody(bytes), length: bytes.count)
    }

    /// The whole body; throws `HTTPError(.contentTooLarge)` as soon as it is known to exceed `maxBytes`.
    public func collect(upTo maxBytes: Int) async throws -> [UInt8] {
        if let length, length > maxBytes { throw Self.tooLarge(maxBytes) }
        guard let source, var bytes = try await source.nextPiece() else { return [] }
        while true {
            if bytes.count > maxBytes { throw Self.tooLarge(maxBytes) }
            guard let piece = try await source.nextPiece() else { return bytes }
            bytes.append(contentsOf: piece)
        }
    }

    static func tooLarge(_ maxBytes: Int) -> HTTPError {
        HTTPError(.contentTooLarge, "The body may have at most \(maxBytes) bytes.")
    }

    /// Goes on where the last iterator stopped: pieces are handed out once.
    public func makeAsyncIterator() -> AsyncIterator { AsyncIterator(source: source) }

    /// Hands out the pieces as they arrive.
    public struct AsyncIterator: AsyncIteratorProtocol {
        fileprivate let source: (any BodySource)?

        /// The next piece; `nil` after the last one. Throws `HTTPError` for a body that is broken, too large or late.
        public mutating func next() async throws -> [UInt8]? {
            try await source?.nextPiece()
        }

        /// The next piece, on the caller's actor; see ``next()``.
        public mutating func next(isolation actor: isolated (any Actor)?) async throws -> [UInt8]? {
            try await source?.nextPiece()
        }
    }
}

/// A body that is in memory already: one piece.
private final class BufferedBody: BodySource {
    private let bytes: Mutex<[UInt8]?>

    init(_ bytes: [UInt8]) {
        self.bytes = Mutex(bytes)
    }

    func nextPiece() async throws -> [UInt8]? {
        bytes.withLock { bytes in
            defer { bytes = nil }
            return bytes
        }
    }
}
