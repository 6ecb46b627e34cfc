import HTTPTypes

/// Finds the end of a request's head and refuses what is not one, byte for byte (RFC 9112, sections 2 to 5).
///
/// Resumable: give it all bytes since the message's start each time; it goes on where it stopped and looks at none
/// twice. It makes no text before the head is complete, and it checks every limit while it scans.
struct RequestParser {
    /// Where one field's name and value lie.
    struct Field {
        var name: Range<Int>
        var value: Range<Int>
    }

    private enum Phase {
        case blankLines, method, target, version, fieldStart, fieldName, fieldValue, complete
    }

    /// Longer ones are longer than any method there is, 501 (RFC 9112, section 3). In bytes.
    private static let maxMethodBytes = 64

    let limits: WireLimits
    private var phase = Phase.blankLines
    /// All bytes before it have been looked at.
    private var position = 0
    private var lineStart = 0
    private var sectionStart = 0
    private var blankLines = 0
    private(set) var method = 0..<0
    private(set) var target = 0..<0
    /// 1 while the version is unknown.
    private(set) var minorVersion = 1
    /// Known as soon as the method is, so that a refusal behind it can keep its content back.
    private(set) var isHead = false
    private(set) var fields: [Field] = []
    private var fieldName = 0..<0

    /// Where all field lines lie, once the head is complete.
    var section: Range<Int> { sectionStart..<max(sectionStart, position - 2) }

    init(limits: WireLimits) {
        self.limits = limits
    }

    /// Whether a byte of a request has been seen; blank lines before it are not part of one.
    var hasBegun: Bool { phase != .blankLines }

    /// The length of the head in bytes once all of it is there; `nil` while it is not. `bytes` begins with the message.
    mutating func parse(_ bytes: Span<UInt8>) throws(HTTPError) -> Int? {
        while true {
            let goOn =
                switch phase {
                case .blankLines: try scanBlankLines(bytes)
                case .method: try scanMethod(bytes)
                case .target: try scanTarget(bytes)
                case .version: try scanVersion(bytes)
                case .fieldStart: try scanFieldStart(bytes)
                case .fieldName: try scanFieldName(bytes)
                case .fieldValue: try scanFieldValue(bytes)
                case .complete: false
                }
            if phase == .complete { return position }
            if !goOn { return nil }
        }
    }

    /// Forgets the message; the next one starts at the first byte behind it.
    mutating func reset() {
        phase = .blankLines
        position = 0
        blankLines = 0
        minorVersion = 1
        isHead = false
        fields.removeAll(keepingCapacity: true)
    }

    // MARK: The request line

    /// "A server […] SHOULD ignore at least one empty line (CRLF) received prior to the request-line" and of a bare CR
    /// "MUST consider that element to be invalid" (RFC 9112, section 2.2).
    private mutating func scanBlankLines(_ bytes: Span<UInt8>) throws(HTTPError) -> Bool {
        while position < bytes.count, bytes[position] == Byte.carriageReturn {
            guard position + 1 < bytes.count else { return false }
            guard bytes[position + 1] == Byte.lineFeed else { throw .bareCarriageReturn }
            position += 2
            blankLines += 1
            if blankLines > limits.maxLeadingBlankLines { throw .malformed("Too many blank lines.") }
        }
        guard position < bytes.count else { return false }
        lineStart = position
        phase = .method
        return true
    }

    private mutating func scanMethod(_ bytes: Span<UInt8>) throws(HTTPError) -> Bool {
        let bound = lineStart + limits.maxRequestLineBytes
        let end = min(bytes.count, bound)
        while position < end {
            let byte = bytes[position]
            if byte == Byte.space, position > lineStart {
                try takeMethod(bytes)
                return true
            }
            guard ByteSet.token.contains(byte) else { throw .malformed("The method is not a token.") }
            position += 1
        }
        if position == bound { throw .malformed("There is no method of that length.") }
        return false
    }

    /// "A server that receives a method longer than any that it implements SHOULD respond with a 501" (RFC 9112,
    /// section 3).
    private mutating func takeMethod(_ bytes: Span<UInt8>) throws(HTTPError) {
        method = lineStart..<position
        if method.count > Self.maxMethodBytes {
            throw HTTPError(.notImplemented, "There is no such method.")
        }
        isHead = bytes.matches(method, exactly: "HEAD")
        position += 1
        phase = .target
    }

    /// Visible ASCII without "#": controls, spaces, other bytes and fragments never are part of a target.
    ///
    /// "A server that receives a request-target longer than any URI it wishes to parse MUST respond with a 414"
    /// (RFC 9112, section 3).
    private mutating func scanTarget(_ bytes: Span<UInt8>) throws(HTTPError) -> Bool {
        // " HTTP/1.1" is still to come on this line.
        let bound = lineStart + limits.maxRequestLineBytes - 9
        let end = min(bytes.count, bound + 1)
        while position < end {
            let byte = bytes[position]
            if byte == Byte.space {
                target = method.upperBound + 1..<position
                if target.isEmpty { throw .malformed("The request target is missing.") }
                position += 1
                phase = .version
                return true
            }
            guard byte > Byte.space, byte < Byte.delete, byte != UInt8(ascii: "#") else {
                throw .malformed("The request target has a byte that may not be there.")
            }
            position += 1
        }
        if position > bound {
            throw HTTPError(
                .uriTooLong, "The request line may have at most \(limits.maxRequestLineBytes) bytes.")
        }
        return false
    }

    /// `HTTP/` DIGIT `.` DIGIT CRLF, and no other major version than 1.
    private mutating func scanVersion(_ bytes: Span<UInt8>) throws(HTTPError) -> Bool {
        let pattern: StaticString = "HTTP/0.0\r\n"
        if bytes.count - position >= 10, bytes.isVersion11(at: position) {
            minorVersion = 1
            position += 10
            sectionStart = position
            phase = .fieldStart
            return true
        }
        let available = min(bytes.count - position, pattern.utf8CodeUnitCount)
        for index in 0..<available {
            let byte = bytes[position + index]
            let expected = pattern.utf8Start[index]
            let fits = expected == UInt8(ascii: "0") ? Byte.isDigit(byte) : byte == expected
            guard fits else { throw .malformed("The protocol version is malformed.") }
        }
        guard available == pattern.utf8CodeUnitCount else { return false }
        guard bytes[position + 5] == UInt8(ascii: "1") else {
            throw HTTPError(.httpVersionNotSupported, "This server speaks HTTP/1.1.")
        }
        minorVersion = bytes[position + 7] == UInt8(ascii: "0") ? 0 : 1
        position += available
        sectionStart = position
        phase = .fieldStart
        return true
    }

    // MARK: Fields

    /// White space first is an obs-fold, which "a server […] MUST either reject […] by sending a 400 […] or replace"
    /// (RFC 9112, section 5.2), or stands before the first field, where a recipient "MUST either reject the message as
    /// invalid or consume each whitespace-preceded line" (section 2.2).
    private mutating func scanFieldStart(_ bytes: Span<UInt8>) throws(HTTPError) -> Bool {
        guard position < bytes.count else { return false }
        lineStart = position
        switch bytes[position] {
        case Byte.carriageReturn:
            guard position + 1 < bytes.count else { return false }
            guard bytes[position + 1] == Byte.lineFeed else { throw .bareCarriageReturn }
            position += 2
            phase = .complete
        case Byte.space, Byte.tab:
            throw .malformed("A field line begins with white space.")
        default:
            if fields.count == limits.maxFields {
                throw .fieldsTooLarge("A request may have at most \(limits.maxFields) fields.")
            }
            phase = .fieldName
        }
        return true
    }

    /// "A server MUST reject, with a response status code of 400 (Bad Request), any received request message that
    /// contains whitespace between a header field name and colon" (RFC 9112, section 5.1).
    private mutating func scanFieldName(_ bytes: Span<UInt8>) throws(HTTPError) -> Bool {
        let bound = fieldBound
        let end = min(bytes.count, bound)
        while position < end {
            let byte = bytes[position]
            if byte == Byte.colon {
                guard position > lineStart else { throw .malformed("A field name is empty.") }
                fieldName = lineStart..<position
                position += 1
                phase = .fieldValue
                return true
            }
            guard ByteSet.token.contains(byte) else { throw .malformed("A field name is not a token.") }
            position += 1
        }
        try checkFieldBound(bound)
        return false
    }

    /// "A recipient of CR, LF, or NUL within a field value MUST either reject the message or replace each of those
    /// characters with SP"; white space around it a parser "MUST exclude" (RFC 9110, section 5.5).
    private mutating func scanFieldValue(_ bytes: Span<UInt8>) throws(HTTPError) -> Bool {
        let bound = fieldBound
        let end = min(bytes.count, bound)
        position = bytes.endOfFieldContent(from: position, to: end)
        guard position < end else {
            try checkFieldBound(bound)
            return false
        }
        guard bytes[position] == Byte.carriageReturn else {
            throw .malformed("A field value has a byte that may not be there.")
        }
        guard position + 1 < bytes.count else { return false }
        guard bytes[position + 1] == Byte.lineFeed else { throw .bareCarriageReturn }
        fields.append(Field(name: fieldName, value: bytes.trimmed(fieldName.upperBound + 1..<position)))
        position += 2
        phase = .fieldStart
        return true
    }

    /// The first position that one field, or all of them, may not reach.
    private var fieldBound: Int {
        min(lineStart + limits.maxFieldBytes, sectionStart + limits.maxFieldSectionBytes) + 1
    }

    /// "A server that receives a request header field line, field value, or set of fields larger than it wishes to
    /// process MUST respond with an appropriate 4xx" (RFC 9110, section 5.4).
    private func checkFieldBound(_ bound: Int) throws(HTTPError) {
        guard position >= bound else { return }
        if bound == lineStart + limits.maxFieldBytes + 1 {
            throw .fieldsTooLarge("A field may have at most \(limits.maxFieldBytes) bytes.")
        }
        throw .fieldsTooLarge("The fields may have at most \(limits.maxFieldSectionBytes) bytes.")
    }
}

extension HTTPError {
    static func malformed(_ reason: String) -> HTTPError { HTTPError(.badRequest, reason) }
    static func fieldsTooLarge(_ reason: String) -> HTTPError {
        HTTPError(.requestHeaderFieldsTooLarge, reason)
    }
    static var bareCarriageReturn: HTTPError { .malformed("A CR without LF.") }
}
