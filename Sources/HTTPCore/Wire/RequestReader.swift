import HTTPTypes

/// Turns a scanned head into a ``RequestHead``, with one interpretation only (RFC 9112, sections 3 and 6).
struct RequestReader {
    private var contentLength: Int?
    private var transferEncoding: Range<Int>?
    private var host: Range<Int>?
    private var connectionCloses = false
    private var connectionKeepsAlive = false
    private var hasContentType = false
    private var expectsContinue = false
    private var expectsMore = false
    /// The client's own id, when it is sane; known also of a head that is refused behind it.
    private(set) var requestID: String?

    /// Understands the head that `parser` found in `bytes`; `head` is to be used only if it does not throw.
    mutating func read(
        _ parser: RequestParser, _ bytes: Span<UInt8>, from remoteAddress: String?,
        into head: inout RequestHead
    ) throws(HTTPError) {
        for field in parser.fields { try note(field, bytes) }
        try checkHost(bytes, minorVersion: parser.minorVersion)
        let target = try RequestTarget(bytes, method: parser.method, target: parser.target)
        head.minorVersion = parser.minorVersion
        head.framing = try framing(bytes, minorVersion: parser.minorVersion, limits: parser.limits)
        head.keepsAlive = !connectionCloses && (parser.minorVersion == 1 || connectionKeepsAlive)
        head.expectsContinue = try waitsForContinue(head.framing, minorVersion: parser.minorVersion)
        let values = RequestParts.Values(
            method: Self.method(bytes, parser.method), path: target.path, query: target.query,
            id: requestID ?? RequestID.generate(), remoteAddress: remoteAddress)
        if let authority = target.authority {
            head.request = Request(values, Self.fields(parser, bytes, authority: authority))
        } else {
            bytes.extracting(parser.section).withUnsafeBufferPointer {
                head.request.refill(values, lines: $0)
            }
        }
        switch head.framing {
        case .none: break
        case .length(let length): head.request.body = RequestBody(source: nil, length: length)
        case .chunked: head.request.body = RequestBody(source: nil, length: nil)
        }
    }

    /// Takes note of the fields that steer the connection.
    private mutating func note(_ field: RequestParser.Field, _ bytes: Span<UInt8>) throws(HTTPError) {
        switch field.name.count {
        case 4 where bytes.matches(field.name, caseInsensitively: "host"):
            guard host == nil else { throw .malformed("There are two Host fields.") }
            host = field.value
        case 6 where bytes.matches(field.name, caseInsensitively: "expect"):
            noteExpectations(field.value, bytes)
        case 10 where bytes.matches(field.name, caseInsensitively: "connection"):
            noteConnection(field.value, bytes)
        case 12 where bytes.matches(field.name, caseInsensitively: "x-request-id"):
            let id = bytes.text(field.value)
            if RequestID.isSane(id) { requestID = id }
        case 12 where bytes.matches(field.name, caseInsensitively: "content-type"):
            guard !hasContentType else { throw .malformed("There are two Content-Type fields.") }
            hasContentType = true
        case 14 where bytes.matches(field.name, caseInsensitively: "content-length"):
            guard contentLength == nil else { throw .malformed("Content-Length is repeated.") }
            contentLength = try Self.length(field.value, bytes)
        case 17 where bytes.matches(field.name, caseInsensitively: "transfer-encoding"):
            guard transferEncoding == nil else { throw .malformed("Transfer-Encoding is repeated.") }
            transferEncoding = field.value
        // Names that a gateway of the CGI kind takes for those of the framing.
        case 14 where bytes.matches(field.name, caseInsensitively: "content_length"),
            17 where bytes.matches(field.name, caseInsensitively: "transfer_encoding"):
            throw .malformed("A field looks like one that frames the message.")
        default: break
        }
    }

    /// A list of tokens in any case (RFC 9110, section 7.6.1). "A recipient MUST parse and ignore a reasonable number
    /// of empty list elements" (section 5.6.1.2).
    private mutating func noteConnection(_ value: Range<Int>, _ bytes: Span<UInt8>) {
        for option in bytes.listElements(value) {
            if bytes.matches(option, caseInsensitively: "close") { connectionCloses = true }
            if bytes.matches(option, caseInsensitively: "keep-alive") { connectionKeepsAlive = true }
        }
    }

    /// A list as well (RFC 9110, section 10.1.1).
    private mutating func noteExpectations(_ value: Range<Int>, _ bytes: Span<UInt8>) {
        for expectation in bytes.listElements(value) where !expectation.isEmpty {
            if bytes.matches(expectation, caseInsensitively: "100-continue") {
                expectsContinue = true
            } else {
                expectsMore = true
            }
        }
    }

    /// `1*DIGIT` and nothing else. Of an invalid length, "the recipient MUST treat it as an unrecoverable error […] the
    /// server MUST respond with a 400" (RFC 9112, section 6.3), and it "MUST […] prevent parsing errors due to integer
    /// conversion overflows" (RFC 9110, section 8.6). A repeated one may be mended or refused there.
    private static func length(_ value: Range<Int>, _ bytes: Span<UInt8>) throws(HTTPError) -> Int {
        var length = 0
        for index in value {
            guard Byte.isDigit(bytes[index]) else { throw .malformed("Content-Length is not a number.") }
            let (product, overflow) = length.multipliedReportingOverflow(by: 10)
            let (sum, carry) = product.addingReportingOverflow(Int(bytes[index] - UInt8(ascii: "0")))
            if overflow || carry { throw .malformed("Content-Length is too large for a number.") }
            length = sum
        }
        if value.isEmpty { throw .malformed("Content-Length is empty.") }
        return length
    }

    /// "A server MUST respond with a 400 […] to any HTTP/1.1 request message that lacks a Host header field and to any
    /// request message that contains more than one Host header field line or a Host header field with an invalid field
    /// value" (RFC 9112, section 3.2).
    private func checkHost(_ bytes: Span<UInt8>, minorVersion: Int) throws(HTTPError) {
        guard let host else {
            if minorVersion == 0 { return }
            throw .malformed("Host is missing.")
        }
        if !HostGrammar.isValid(bytes, host) { throw .malformed("Host is not a host.") }
    }

    // MARK: Framing

    /// "A server MAY reject a request that contains both Content-Length and Transfer-Encoding"; Transfer-Encoding in
    /// HTTP/1.0 it "MUST treat […] as if the framing is faulty" (RFC 9112, section 6.1).
    private func framing(
        _ bytes: Span<UInt8>, minorVersion: Int, limits: WireLimits
    ) throws(HTTPError) -> BodyFraming {
        if let transferEncoding {
            if contentLength != nil { throw .malformed("Content-Length beside Transfer-Encoding.") }
            if minorVersion == 0 { throw .malformed("HTTP/1.0 has no Transfer-Encoding.") }
            try Self.checkCodings(transferEncoding, bytes)
            return .chunked
        }
        guard let contentLength, contentLength > 0 else { return .none }
        if contentLength > limits.maxBodyBytes { throw RequestBody.tooLarge(limits.maxBodyBytes) }
        return .length(contentLength)
    }

    /// `chunked`, alone. "A server that receives a request message with a transfer coding it does not understand SHOULD
    /// respond with 501" (RFC 9112, section 6.1); of one where chunked is not last "the server MUST respond with the
    /// 400" (section 6.3). Both fit an unknown coding alone: 501 tells more. Stricter than a list: an empty element is
    /// 400 as well, since some take it for a coding.
    private static func checkCodings(_ value: Range<Int>, _ bytes: Span<UInt8>) throws(HTTPError) {
        if bytes.matches(value, caseInsensitively: "chunked") { return }
        let codings = bytes.listElements(value)
        if codings.isEmpty { throw .malformed("Transfer-Encoding is empty.") }
        for (index, coding) in codings.enumerated() {
            var isToken = !coding.isEmpty
            for position in coding where !ByteSet.token.contains(bytes[position]) { isToken = false }
            let isLast = index == codings.count - 1
            let isChunked = bytes.matches(coding, caseInsensitively: "chunked")
            let isIdentity = bytes.matches(coding, caseInsensitively: "identity")
            let looksChunked = !isChunked && bytes.text(coding).lowercased().contains("chunked")
            if !isToken || isIdentity || looksChunked || isChunked && !isLast {
                throw .malformed("Transfer-Encoding is malformed.")
            }
        }
        throw HTTPError(.notImplemented, "The only transfer coding is chunked.")
    }

    private func waitsForContinue(_ framing: BodyFraming, minorVersion: Int) throws(HTTPError) -> Bool {
        if expectsMore { throw HTTPError(.expectationFailed, "The only expectation is 100-continue.") }
        // "A server that receives a 100-continue expectation in an HTTP/1.0 request MUST ignore that expectation"
        // (RFC 9110, section 10.1.1).
        return expectsContinue && minorVersion == 1 && framing != .none
    }

    // MARK: Text

    /// Of an absolute-form target, "the origin server MUST ignore the received Host header field (if any) and instead use
    /// the host information of the request-target" (RFC 9112, section 3.2.2).
    private static func fields(
        _ parser: RequestParser, _ bytes: Span<UInt8>, authority: Range<Int>
    ) -> HTTPFields {
        var fields = FieldLines.read(bytes.extracting(parser.section))
        fields[FieldNames.host] = bytes.text(authority)
        return fields
    }

    private static func method(_ bytes: Span<UInt8>, _ range: Range<Int>) -> HTTPRequest.Method {
        if bytes.matches(range, exactly: "GET") { return .get }
        if bytes.matches(range, exactly: "POST") { return .post }
        return HTTPRequest.Method(bytes.text(range)) ?? .get
    }
}

extension Span<UInt8> {
    func matches(_ range: Range<Int>, exactly text: StaticString) -> Bool {
        guard range.count == text.utf8CodeUnitCount else { return false }
        for index in 0..<range.count where self[range.lowerBound + index] != text.utf8Start[index] {
            return false
        }
        return true
    }

    /// The elements of a comma-separated list, trimmed; an empty one stays, so that a strict reader can refuse it.
    func listElements(_ range: Range<Int>) -> [Range<Int>] {
        guard !range.isEmpty else { return [] }
        var elements: [Range<Int>] = []
        var start = range.lowerBound
        for index in range where self[index] == Byte.comma {
            elements.append(trimmed(start..<index))
            start = index + 1
        }
        elements.append(trimmed(start..<range.upperBound))
        return elements
    }
}
