import HTTPTypes

/// How a response's content is delimited (RFC 9112, section 6.3).
enum ResponseFraming: Hashable, Sendable {
    /// The status allows no content: 1xx, 204, 304 (RFC 9110, section 6.4.1) and 205 (section 15.3.6).
    case forbidden
    case length(Int)
    case chunked
    /// HTTP/1.0 without a length: the end of the connection is the end of the content.
    case untilClose
}

/// A response that may not be sent as it is: the programmer's error, not the client's.
enum ResponseFault: Error, Hashable, Sendable {
    /// CR, LF or NUL in a field would start another message (RFC 9110, section 5.5).
    case forbiddenByte(field: String)
    /// A final answer has a status of 200…599.
    case status(Int)
}

/// Writes response heads and chunks.
enum ResponseEncoder {
    /// "A server MUST NOT send a Content-Length header field in any response with a status code of 1xx […] or 204"
    /// (RFC 9110, section 8.6), nor Transfer-Encoding, which no HTTP/1.0 client may see either (RFC 9112, section 6.1).
    static func framing(
        status: HTTPResponse.Status, length: Int?, minorVersion: Int
    ) -> ResponseFraming {
        switch status.code {
        case ..<200, 204, 205, 304: return .forbidden
        default: break
        }
        if let length { return .length(length) }
        return minorVersion == 0 ? .untilClose : .chunked
    }

    /// Appends the head to `output`, which is as before if it throws. Returns whether the answer is the connection's
    /// last, which the handler may ask for with `Connection: close`.
    /// `date` is the whole line; `minorVersion` the request's.
    static func encodeHead(
        _ response: Response, framing: ResponseFraming, closes: Bool, minorVersion: Int, requestID: String,
        date: [UInt8], into output: ByteWriter
    ) throws(ResponseFault) -> Bool {
        guard (200...599).contains(response.status.code) else { throw .status(response.status.code) }
        let start = output.count
        appendStatusLine(response.status, to: output)
        var hasDate = false
        var closes = closes
        for field in response.headers {
            switch role(of: field.name) {
            case .handlers: break
            case .date: hasDate = true
            case .servers: continue
            case .connection:
                if asksToClose(field) { closes = true }
                continue
            }
            guard append(field, to: output) else {
                output.truncate(to: start)
                throw .forbiddenByte(field: field.name.rawName)
            }
        }
        if !hasDate { output.append(date) }
        output.append("X-Request-Id: ")
        output.append(text: requestID)
        output.append("\r\n")
        appendFraming(framing, to: output)
        // Unlike the others that have none, a 205 does not end with its head (RFC 9110, section 15.3.6).
        if response.status.code == 205 { output.append("Content-Length: 0\r\n") }
        if closes {
            output.append("Connection: close\r\n")
        } else if minorVersion == 0 {
            output.append("Connection: keep-alive\r\n")
        }
        output.append("\r\n")
        return closes
    }

    /// `100 Continue` (RFC 9110, section 15.2.1).
    static func appendContinue(to output: ByteWriter) {
        output.append("HTTP/1.1 100 Continue\r\n\r\n")
    }

    /// The line before a chunk's data; `\r\n` follows the data.
    static func appendChunkSize(_ count: Int, to output: ByteWriter) {
        output.append(hexadecimal: count)
        output.append("\r\n")
    }

    static func appendChunkEnd(to output: ByteWriter) { output.append("\r\n") }

    static func appendLastChunk(to output: ByteWriter) { output.append("0\r\n\r\n") }

    private static func appendStatusLine(_ status: HTTPResponse.Status, to output: ByteWriter) {
        if status.code == 200 { return output.append("HTTP/1.1 200 OK\r\n") }
        output.append("HTTP/1.1 ")
        output.append(decimal: status.code)
        output.append(" ")
        output.append(text: status.reasonPhrase)
        output.append("\r\n")
    }

    private enum Role {
        case handlers, date
        /// The server's alone: its framing may not be contradicted.
        case servers
        case connection
    }

    /// Most names are told by their length.
    private static func role(of name: HTTPField.Name) -> Role {
        let name = name.canonicalName
        switch name.utf8.count {
        case 4 where name == "date": return .date
        case 7 where name == "upgrade": return .servers
        case 10 where name == "connection": return .connection
        case 10 where name == "keep-alive": return .servers
        case 12 where name == "x-request-id": return .servers
        case 14 where name == "content-length": return .servers
        case 17 where name == "transfer-encoding": return .servers
        default: return .handlers
        }
    }

    private static func asksToClose(_ field: HTTPField) -> Bool {
        field.value.lowercased().split { $0 == "," || $0 == " " || $0 == "\t" }.contains("close")
    }

    private static func append(_ field: HTTPField, to output: ByteWriter) -> Bool {
        output.append(text: field.name.rawName)
        output.append(": ")
        let isClean = field.withUnsafeBytesOfValue { value in
            output.append(value)
            let bytes = UnsafeRawBufferPointer(value)
            return Byte.endOfFieldContent(bytes, from: 0, to: bytes.count) == bytes.count
        }
        output.append("\r\n")
        return isClean
    }

    private static func appendFraming(_ framing: ResponseFraming, to output: ByteWriter) {
        switch framing {
        case .forbidden, .untilClose: break
        case .length(let length):
            output.append("Content-Length: ")
            output.append(decimal: length)
            output.append("\r\n")
        case .chunked:
            output.append("Transfer-Encoding: chunked\r\n")
        }
    }
}
