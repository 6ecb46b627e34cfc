/// A JSON body as UTF-8.
enum JSONText {
    /// Byte order marks come first, then UTF-16 by its zeros (RFC 4627 §3), then UTF-8, which RFC 8259 §8.1
    /// demands, then what the answer names. Bytes that fit none are read as UTF-8 with U+FFFD for what does not
    /// fit, as browsers do: one wrong byte does not lose a page. Throws ``ExtractionError``.
    static func utf8(of document: PageDocument) throws -> [UInt8] {
        let body = document.body
        if let (encoding, start) = wide(body) { return try TextDecoder.decode(body[start...], from: encoding) }
        if !UTF8Scan(body, from: 0).isWellFormed {
            let charset = document.contentType.flatMap(MediaType.init)?.charset
            let named = charset.flatMap(TextEncoding.init(label:)) ?? .utf8
            return try TextDecoder.decode(body[...], from: named)
        }
        return body
    }

    /// JSON begins with two ASCII characters, or is one.
    private static func wide(_ body: [UInt8]) -> (TextEncoding, start: Int)? {
        if body.starts(with: [0xFE, 0xFF]) { return (.utf16BE, 2) }
        if body.starts(with: [0xFF, 0xFE]) { return (.utf16LE, 2) }
        guard body.count >= 2 else { return nil }
        switch (body[0] == 0, body[1] == 0) {
        case (true, false): return (.utf16BE, 0)
        case (false, true): return (.utf16LE, 0)
        default: return nil
        }
    }
}
