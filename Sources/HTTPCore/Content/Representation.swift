public import HTTPTypes

/// Bytes that can be read from any place: a file's, or a body's that was saved elsewhere.
public protocol ByteSource: Sendable {
    /// In bytes; it does not change.
    var length: Int { get }
    /// At least one and at most `maxBytes` of the bytes from `offset` on, which is less than `length`.
    func read(at offset: Int, maxBytes: Int) async throws -> [UInt8]
}

/// A source that had fewer bytes than it said, or gave more than were asked for.
public struct ByteSourceFault: Error, Hashable, Sendable {
    /// For sources that find it out themselves.
    public init() {}
}

/// What a GET of a resource brings: bytes, what they are, and what tells this state from others.
public struct Representation: Sendable {
    /// The content, read while it is sent.
    public var source: any ByteSource
    /// Of this state of the resource.
    public var validators: Validators
    /// `Content-Type`, `Cache-Control`, `Vary` and the like.
    public var headers: HTTPFields

    /// `validators` and `Accept-Ranges` become fields of the answer, above those in `headers`.
    public init(_ source: any ByteSource, validators: Validators, headers: HTTPFields = [:]) {
        self.source = source
        self.validators = validators
        self.headers = headers
    }

    /// Read and sent at a time: what one answer holds in memory, beside what waits for its client. 64 KiB: more makes
    /// nothing faster, and a loop is not held longer than by any other read.
    private static let maxPieceBytes = 64 << 10

    /// The answer to a GET or HEAD: 200, 206 for a range, 304 for a client that has it already.
    ///
    /// Throws 412 where a precondition does not hold, and 416 with `Content-Range: bytes */length` for a range behind
    /// the last byte. The bytes are read while they are sent.
    public func response(to request: Request) throws(HTTPError) -> Response {
        var response = Response(status: .ok, headers: headers)
        for field in validators.fields { response.headers[field.name] = field.value }
        response.headers[.acceptRanges] = "bytes"
        switch request.precondition(validators) {
        case .holds: break
        case .notModified: return response.notModified
        case .failed: throw .preconditionFailed
        }
        response.body = body(0..<source.length)
        // Only GET has ranges (RFC 9110, section 14.2).
        guard request.method == .get, request.rangeCondition(validators) else { return response }
        switch ByteRange(request.headers[.range], length: source.length) {
        case .whole: break
        case .part(let range):
            response.status = .partialContent
            response.headers[.contentRange] =
                "bytes \(range.lowerBound)-\(range.upperBound - 1)/\(source.length)"
            response.body = body(range)
        case .unsatisfiable:
            throw HTTPError(
                .rangeNotSatisfiable, "The range begins behind the last byte.",
                headers: [.contentRange: "bytes */\(source.length)"])
        }
        return response
    }

    private func body(_ range: Range<Int>) -> ResponseBody {
        .stream(length: range.count) { [source] writer in
            var offset = range.lowerBound
            while offset < range.upperBound {
                let maxBytes = min(Self.maxPieceBytes, range.upperBound - offset)
                let piece = try await source.read(at: offset, maxBytes: maxBytes)
                guard (1...maxBytes).contains(piece.count) else { throw ByteSourceFault() }
                try await writer.write(piece)
                offset += piece.count
            }
        }
    }
}
