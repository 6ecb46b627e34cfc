/// How a page is encoded, and what said so.
struct PageEncoding: Hashable, Sendable {
    enum Source: String, Sendable {
        case byteOrderMark = "bom"
        case http, meta
        case xmlDeclaration = "xml"
        /// Nothing named one, and the bytes are UTF-8.
        case detected
        /// Nothing named one: windows-1252, or UTF-8 in XML.
        case assumed = "default"
    }

    var encoding: TextEncoding
    var source: Source

    /// As in `windows-1251 (http)`.
    var description: String { "\(encoding.name) (\(source.rawValue))" }

    /// What the page or its answer names, and where its text starts: byte order mark, HTTP, the page's own words
    /// (HTML, section 13.2.3). Nil where nothing does.
    static func named(by document: PageDocument) -> (PageEncoding?, start: Int) {
        let body = document.body
        if body.starts(with: [0xEF, 0xBB, 0xBF]) { return (PageEncoding(.utf8, .byteOrderMark), 3) }
        if body.starts(with: [0xFE, 0xFF]) { return (PageEncoding(.utf16BE, .byteOrderMark), 2) }
        if body.starts(with: [0xFF, 0xFE]) { return (PageEncoding(.utf16LE, .byteOrderMark), 2) }
        let type = document.contentType.flatMap(MediaType.init)
        if let encoding = type?.charset.flatMap(TextEncoding.init(label:)) {
            return (PageEncoding(encoding, .http), 0)
        }
        // XML knows no `meta`; in HTML it is stronger.
        if !isXML(type), let encoding = MetaPrescan.encoding(of: body[...]) {
            return (PageEncoding(encoding, .meta), 0)
        }
        return (MetaPrescan.xmlEncoding(of: body[...]).map { PageEncoding($0, .xmlDeclaration) }, 0)
    }

    /// Bytes that are UTF-8 by chance hardly occur; where all are ASCII, what the standards assume is named.
    static func unnamed(in document: PageDocument, isUTF8: Bool, isASCII: Bool) -> PageEncoding {
        if isUTF8, !isASCII { return PageEncoding(.utf8, .detected) }
        let isXML = isXML(document.contentType.flatMap(MediaType.init))
        return PageEncoding(isUTF8 && isXML ? .utf8 : .windows1252, .assumed)
    }

    private static func isXML(_ type: MediaType?) -> Bool {
        type?.isXML == true || type?.essence == "application/xhtml+xml"
    }

    init(_ encoding: TextEncoding, _ source: Source) {
        self.encoding = encoding
        self.source = source
    }
}
