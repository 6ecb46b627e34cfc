/// Takes a chunked body apart (RFC 9112, section 7.1), strictly: no white space, every line ends with CRLF.
///
/// Resumable at every byte. Extensions are checked and dropped, so are trailer fields.
struct ChunkedDecoder {
    private enum State {
        case size, extensionName, extensionNameRest, extensionNameEnd, extensionValue, extensionToken, quoted,
            quotedPair, afterQuoted, extensionEnd
        case sizeLineFeed, data, dataCarriageReturn, dataLineFeed
        case trailerStart, trailerName, trailerValue, trailerLineFeed, lastLineFeed, complete
    }

    /// Hex digits of a size: more would overflow, or be zeros that nobody sends.
    private static let maxSizeDigits = 15

    private let limits: WireLimits
    private var state = State.size
    private var sizeDigits = 0
    private var chunkLeft = 0
    private var extensionBytes = 0
    private var trailerBytes = 0
    private var trailerName: [UInt8] = []
    private var bodyBytes = 0

    init(limits: WireLimits) {
        self.limits = limits
    }

    var isComplete: Bool { state == .complete }

    /// Appends the data found in `bytes` to `piece`; returns how many bytes it used, all unless the body ended.
    mutating func decode(_ bytes: Span<UInt8>, into piece: inout [UInt8]) throws(HTTPError) -> Int {
        var index = 0
        while index < bytes.count, state != .complete {
            if state == .data {
                let count = min(chunkLeft, bytes.count - index)
                bytes.extracting(index..<index + count).withUnsafeBufferPointer {
                    piece.append(contentsOf: $0)
                }
                index += count
                chunkLeft -= count
                if chunkLeft == 0 { state = .dataCarriageReturn }
            } else {
                try step(bytes[index])
                index += 1
            }
        }
        return index
    }

    private mutating func step(_ byte: UInt8) throws(HTTPError) {
        switch state {
        case .size: try stepSize(byte)
        case .sizeLineFeed:
            try expect(byte, Byte.lineFeed)
            state = chunkLeft > 0 ? .data : .trailerStart
        case .dataCarriageReturn:
            try expect(byte, Byte.carriageReturn)
            state = .dataLineFeed
        case .dataLineFeed:
            try expect(byte, Byte.lineFeed)
            (state, sizeDigits) = (.size, 0)
        case .trailerStart, .trailerName, .trailerValue, .trailerLineFeed, .lastLineFeed:
            try stepTrailer(byte)
        case .data, .complete: break
        default: try stepExtension(byte)
        }
    }

    /// "Recipients MUST anticipate potentially large hexadecimal numerals and prevent parsing errors due to integer
    /// conversion overflows" (RFC 9112, section 7.1).
    private mutating func stepSize(_ byte: UInt8) throws(HTTPError) {
        if let digit = Byte.hexValue(byte) {
            sizeDigits += 1
            guard sizeDigits <= Self.maxSizeDigits else { throw .malformed("A chunk size is too long.") }
            chunkLeft = chunkLeft << 4 | Int(digit)
            return
        }
        guard sizeDigits > 0 else { throw .malformed("A chunk size is missing.") }
        bodyBytes += min(chunkLeft, limits.maxBodyBytes + 1)
        if bodyBytes > limits.maxBodyBytes { throw RequestBody.tooLarge(limits.maxBodyBytes) }
        switch byte {
        case Byte.carriageReturn: state = .sizeLineFeed
        case Byte.semicolon: try enterExtension()
        default: throw .malformed("A chunk size is not a number.")
        }
    }

    // MARK: Extensions: *( ";" BWS name [ BWS "=" BWS ( token / quoted-string ) ] BWS ), but no BWS behind the size

    /// "A recipient MUST ignore unrecognized chunk extensions"; it "ought to limit the total length" (RFC 9112,
    /// section 7.1.1).
    private mutating func enterExtension() throws(HTTPError) {
        try countExtensionByte()
        state = .extensionName
    }

    private mutating func countExtensionByte() throws(HTTPError) {
        extensionBytes += 1
        if extensionBytes > limits.maxChunkExtensionBytes {
            throw .malformed("Chunk extensions may have at most \(limits.maxChunkExtensionBytes) bytes.")
        }
    }

    private mutating func stepExtension(_ byte: UInt8) throws(HTTPError) {
        try countExtensionByte()
        switch (state, byte) {
        case (.extensionNameRest, UInt8(ascii: "=")), (.extensionNameEnd, UInt8(ascii: "=")):
            state = .extensionValue
        case (.extensionValue, UInt8(ascii: "\"")): state = .quoted
        case (.quoted, UInt8(ascii: "\"")): state = .afterQuoted
        case (.quoted, UInt8(ascii: "\\")): state = .quotedPair
        case (.quoted, _) where Byte.isFieldContent(byte): break
        case (.quotedPair, _) where Byte.isFieldContent(byte): state = .quoted
        case (.extensionNameRest, Byte.carriageReturn), (.extensionToken, Byte.carriageReturn),
            (.afterQuoted, Byte.carriageReturn):
            state = .sizeLineFeed
        case (.extensionNameRest, Byte.semicolon), (.extensionToken, Byte.semicolon),
            (.afterQuoted, Byte.semicolon), (.extensionNameEnd, Byte.semicolon),
            (.extensionEnd, Byte.semicolon):
            state = .extensionName
        case (_, Byte.space), (_, Byte.tab): try stepBlank()
        case (.extensionName, _) where ByteSet.token.contains(byte): state = .extensionNameRest
        case (.extensionValue, _) where ByteSet.token.contains(byte): state = .extensionToken
        case (.extensionNameRest, _) where ByteSet.token.contains(byte): break
        case (.extensionToken, _) where ByteSet.token.contains(byte): break
        default: throw .malformed("A chunk extension is malformed.")
        }
    }

    /// "A recipient MUST parse for such bad whitespace and remove it" (RFC 9110, section 5.6.3): it stands around ";"
    /// and "=", never before the end of the line.
    private mutating func stepBlank() throws(HTTPError) {
        switch state {
        case .extensionName, .extensionValue, .extensionNameEnd, .extensionEnd: break
        case .extensionNameRest: state = .extensionNameEnd
        case .extensionToken, .afterQuoted: state = .extensionEnd
        default: throw .malformed("A chunk extension is malformed.")
        }
    }

    // MARK: Trailer

    private mutating func stepTrailer(_ byte: UInt8) throws(HTTPError) {
        trailerBytes += 1
        if trailerBytes > limits.maxTrailerBytes {
            throw .fieldsTooLarge("The trailer may have at most \(limits.maxTrailerBytes) bytes.")
        }
        switch state {
        case .trailerStart where byte == Byte.carriageReturn: state = .lastLineFeed
        case .trailerStart where ByteSet.token.contains(byte):
            trailerName = [byte]
            state = .trailerName
        case .trailerName where ByteSet.token.contains(byte): trailerName.append(byte)
        case .trailerName where byte == Byte.colon:
            try checkTrailerName()
            state = .trailerValue
        case .trailerValue where byte == Byte.carriageReturn: state = .trailerLineFeed
        case .trailerValue where Byte.isFieldContent(byte): break
        case .trailerLineFeed:
            try expect(byte, Byte.lineFeed)
            state = .trailerStart
        case .lastLineFeed:
            try expect(byte, Byte.lineFeed)
            state = .complete
        default: throw .malformed("A trailer field is malformed.")
        }
    }

    /// "A recipient MUST NOT merge a trailer field into a header section unless" its definition permits that (RFC 9110,
    /// section 6.5.1): all are dropped, and one that would frame or route the message is refused.
    private func checkTrailerName() throws(HTTPError) {
        let name = trailerName.span
        for forbidden: StaticString in ["content-length", "transfer-encoding", "host"]
        where name.matches(0..<name.count, caseInsensitively: forbidden) {
            throw .malformed("A trailer field may not frame or route the message.")
        }
    }

    private func expect(_ byte: UInt8, _ expected: UInt8) throws(HTTPError) {
        if byte != expected { throw .malformed("A chunk does not end with CRLF.") }
    }
}
