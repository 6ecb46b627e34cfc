/// A JSON body as UTF-8.
enum JSONText {
    /// Byte order marks come first, then UTF-16 by its zeros (RFC 4627 §3), then UTF-8, which RFC 8259 §8.1 demands,
    /// then what the answer names. Bytes that fit none are read as UTF-8 with U+FFFD for what does not fit, as browsers
    /// do: one wrong byte does not lose a page. Throws ``ExtractionError``.
    static func read(_ document: PageDocument) throws -> (text: [UInt8], encoding: PageEncoding) {
        let body = document.body
        if let (encoding, start) = wide(body) {
            return (try TextDecoder.decode(body[start...], from: encoding.encoding), encoding)
        }
        let utf8 = PageEncoding(.utf8, body.starts(with: [0xEF, 0xBB, 0xBF]) ? .byteOrderMark : .assumed)
        if UTF8Scan(body, from: 0).isWellFormed { return (body, utf8) }
        let charset = document.contentType.flatMap(MediaType.init)?.charset
        let named = charset.flatMap(TextEncoding.init(label:)).map { PageEncoding($0, .http) }
        return (try TextDecoder.decode(body[...], from: (named ?? utf8).encoding), named ?? utf8)
    }

    /// JSON begins with two ASCII characters, or is one.
    private static func wide(_ body: [UInt8]) -> (PageEncoding, start: Int)? {
        if body.starts(with: [0xFE, 0xFF]) { return (PageEncoding(.utf16BE, .byteOrderMark), 2) }
        if body.starts(with: [0xFF, 0xFE]) { return (PageEncoding(.utf16LE, .byteOrderMark), 2) }
        guard body.count >= 2 else { return nil }
        switch (body[0] == 0, body[1] == 0) {
        case (true, false): return (PageEncoding(.utf16BE, .detected), 0)
        case (false, true): return (PageEncoding(.utf16LE, .detected), 0)
        default: return nil
        }
    }
}
