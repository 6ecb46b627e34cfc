/// A body as valid UTF-8 without NUL and without byte order mark: what the parser is given.
struct PageText: Sendable {
    let bytes: [UInt8]
    /// Where the text begins: past a byte order mark that was not worth a copy.
    let start: Int

    /// Decodes by the WHATWG order: byte order mark, HTTP, the page's own words, UTF-8 where it fits,
    /// windows-1252. Throws ``ExtractionError/failed(_:)`` where the system lacks the converter.
    init(_ document: PageDocument) throws {
        let (encoding, start) = Self.encoding(of: document)
        let body = document.body
        guard encoding == .utf8 || encoding == nil else {
            bytes = Self.withoutNUL(try TextDecoder.decode(body[start...], from: encoding ?? .utf8))
            self.start = 0
            return
        }
        switch UTF8Scan.run(body, from: start) {
        case .clean:
            bytes = body
            self.start = start
        case .hasNUL:
            bytes = Self.withoutNUL(Array(body[start...]))
            self.start = 0
        case .malformed:
            bytes = Self.withoutNUL(try TextDecoder.decode(body[start...], from: encoding ?? .windows1252))
            self.start = 0
        }
    }

    /// Nil where nothing names one; the second value counts the byte order mark.
    private static func encoding(of document: PageDocument) -> (TextEncoding?, start: Int) {
        let body = document.body
        if body.starts(with: [0xEF, 0xBB, 0xBF]) { return (.utf8, 3) }
        if body.starts(with: [0xFE, 0xFF]) { return (.utf16BE, 2) }
        if body.starts(with: [0xFF, 0xFE]) { return (.utf16LE, 2) }
        let charset = document.contentType.flatMap(MediaType.init)?.charset
        if let encoding = charset.flatMap(TextEncoding.init(label:)) { return (encoding, 0) }
        return (MetaPrescan.encoding(of: body[...]), 0)
    }

    /// The parser would end at a NUL; HTML's own rule drops it from text (13.2.6.4.7).
    private static func withoutNUL(_ bytes: [UInt8]) -> [UInt8] {
        bytes.contains(0) ? bytes.filter { $0 != 0 } : bytes
    }
}

/// One pass that tells whether bytes are UTF-8 (RFC 3629) and free of NUL.
enum UTF8Scan {
    case clean, hasNUL, malformed

    static func run(_ bytes: [UInt8], from start: Int) -> UTF8Scan {
        bytes.withUnsafeBytes { buffer in scan(buffer, from: start) }
    }

    private static func scan(_ bytes: UnsafeRawBufferPointer, from start: Int) -> UTF8Scan {
        var position = start
        var hasNUL = false
        while position < bytes.count {
            if position + 8 <= bytes.count {
                let word = bytes.loadUnaligned(fromByteOffset: position, as: UInt64.self)
                // Eight ASCII bytes, none of them zero.
                let zeroes = (word &- 0x0101_0101_0101_0101) & ~word & 0x8080_8080_8080_8080
                if word & 0x8080_8080_8080_8080 == 0, zeroes == 0 {
                    position += 8
                    continue
                }
            }
            let length = sequenceLength(bytes, at: position)
            guard length > 0 else { return .malformed }
            if bytes[position] == 0 { hasNUL = true }
            position += length
        }
        return hasNUL ? .hasNUL : .clean
    }

    /// Bytes of the well-formed sequence at `position`; 0 where it is malformed.
    private static func sequenceLength(_ bytes: UnsafeRawBufferPointer, at position: Int) -> Int {
        let lead = bytes[position]
        let length: Int
        var second: ClosedRange<UInt8> = 0x80...0xBF
        switch lead {
        case 0x00...0x7F: return 1
        case 0xC2...0xDF: length = 2
        case 0xE0...0xEF:
            length = 3
            if lead == 0xE0 { second = 0xA0...0xBF }
            if lead == 0xED { second = 0x80...0x9F }
        case 0xF0...0xF4:
            length = 4
            if lead == 0xF0 { second = 0x90...0xBF }
            if lead == 0xF4 { second = 0x80...0x8F }
        default: return 0
        }
        guard position + length <= bytes.count, second.contains(bytes[position + 1]) else { return 0 }
        for index in 2..<max(length, 2) where bytes[position + index] & 0xC0 != 0x80 { return 0 }
        return length
    }
}
