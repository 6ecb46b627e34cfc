/// A body as valid UTF-8 without byte order mark.
struct PageText: Sendable {
    let bytes: [UInt8]
    /// Where the text begins: past a byte order mark that was not worth a copy.
    let start: Int
    let encoding: PageEncoding
    /// Whether there is one of ``UTF8Scan/hasOddities``.
    let hasOddities: Bool

    /// Text of our own.
    init(_ text: String) {
        bytes = Array(text.utf8)
        start = 0
        encoding = PageEncoding(.utf8, .assumed)
        hasOddities = false
    }

    /// Decodes by the WHATWG order: byte order mark, HTTP, the page's own words, UTF-8 where it fits,
    /// windows-1252. Throws ``ExtractionError/failed(_:)`` where the system lacks the converter.
    init(_ document: PageDocument) throws {
        let (named, start) = PageEncoding.named(by: document)
        let body = document.body
        if named == nil || named?.encoding == .utf8 {
            let scan = UTF8Scan(body, from: start)
            if scan.isWellFormed {
                bytes = body
                self.start = start
                encoding = named ?? .unnamed(in: document, isUTF8: true, isASCII: scan.isASCII)
                hasOddities = scan.hasOddities
                return
            }
        }
        encoding = named ?? .unnamed(in: document, isUTF8: false, isASCII: false)
        bytes = try TextDecoder.decode(body[start...], from: encoding.encoding)
        self.start = 0
        hasOddities = UTF8Scan(bytes, from: 0).hasOddities
    }
}

/// One pass that tells whether bytes are UTF-8 (RFC 3629), and whether a parser must be prepared for them.
struct UTF8Scan {
    private(set) var isWellFormed = true
    private(set) var isASCII = true
    /// What line ends and parsers of XML's characters need a second look for: control characters but tab and line feed,
    /// U+FFFE and U+FFFF.
    private(set) var hasOddities = false

    init(_ bytes: [UInt8], from start: Int) {
        bytes.withUnsafeBytes { scan($0, from: start) }
    }

    private mutating func scan(_ bytes: UnsafeRawBufferPointer, from start: Int) {
        var position = start
        while position < bytes.count {
            if position + 8 <= bytes.count {
                let word = bytes.loadUnaligned(fromByteOffset: position, as: UInt64.self)
                if word & Self.highBits == 0 {
                    if Self.hasControl(word) { hasOddities = true }
                    position += 8
                    continue
                }
            }
            let length = Self.sequenceLength(bytes, at: position)
            guard length > 0 else {
                isWellFormed = false
                return
            }
            if length == 1 {
                let byte = bytes[position]
                if byte < 0x20, byte != 0x09, byte != 0x0A { hasOddities = true }
            } else {
                isASCII = false
                if length == 3, bytes[position] == 0xEF, bytes[position + 1] == 0xBF,
                    bytes[position + 2] >= 0xBE
                {
                    hasOddities = true
                }
            }
            position += length
        }
    }

    private static let highBits: UInt64 = 0x8080_8080_8080_8080

    /// Whether one of eight ASCII bytes is below 0x20 and neither tab (9) nor line feed (10). Adding 0x80 - n to a byte
    /// sets its high bit where it is n or more.
    @inline(__always)
    private static func hasControl(_ word: UInt64) -> Bool {
        let isControl = ~(word &+ 0x6060_6060_6060_6060) & highBits
        if isControl == 0 { return false }
        let isTabOrLineFeed = (word &+ 0x7777_7777_7777_7777) & ~(word &+ 0x7575_7575_7575_7575)
        return isControl & ~isTabOrLineFeed != 0
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
