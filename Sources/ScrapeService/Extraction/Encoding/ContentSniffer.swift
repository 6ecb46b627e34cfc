/// Whether a body is a page at all, and by which rules to parse it.
enum ContentSniffer {
    enum Dialect: Hashable, Sendable {
        case html, xml
    }

    /// Bytes looked at: the resource header of the WHATWG MIME Sniffing Standard (section 5.2).
    static let maxHeaderBytes = 1445

    /// Throws ``ExtractionError/notText``.
    static func dialect(of document: PageDocument) throws -> Dialect {
        let type = document.contentType.flatMap(MediaType.init)
        let header = document.body.prefix(maxHeaderBytes)
        if type?.isBinary == true || hasBinarySignature(header) { throw ExtractionError.notText }
        guard let type, type.isText else {
            if hasBinaryBytes(header) { throw ExtractionError.notText }
            return looksLikeXML(header) ? .xml : .html
        }
        return type.isXML ? .xml : .html
    }

    private static let signatures: [[UInt8]] = [
        Array("%PDF-".utf8), Array("GIF87a".utf8), Array("GIF89a".utf8), Array("%!PS-Adobe-".utf8),
        [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A],  // PNG
        [0xFF, 0xD8, 0xFF],  // JPEG
        [0x50, 0x4B, 0x03, 0x04],  // zip, and with it OpenDocument and Office
        [0x1F, 0x8B, 0x08],  // gzip
        [0x7F, 0x45, 0x4C, 0x46],  // ELF
    ]

    private static func hasBinarySignature(_ header: ArraySlice<UInt8>) -> Bool {
        signatures.contains { header.starts(with: $0) }
    }

    /// Control characters that no text has (MIME Sniffing, "binary data byte"); UTF-16 tells itself by its
    /// mark.
    private static func hasBinaryBytes(_ header: ArraySlice<UInt8>) -> Bool {
        if header.starts(with: [0xFE, 0xFF]) || header.starts(with: [0xFF, 0xFE]) { return false }
        return header.contains { byte in
            byte <= 0x08 || byte == 0x0B || (0x0E...0x1A).contains(byte) || (0x1C...0x1F).contains(byte)
        }
    }

    /// An XML declaration, unless it introduces XHTML, which is read as HTML.
    private static func looksLikeXML(_ header: ArraySlice<UInt8>) -> Bool {
        let text = String(decoding: header, as: UTF8.self).asciiLowercased
        let start = text.drop { $0 == "\u{FEFF}" || $0.isWhitespace }
        return start.hasPrefix("<?xml") && !text.contains("<html")
    }
}
