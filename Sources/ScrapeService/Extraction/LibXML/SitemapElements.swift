internal import CLibXML

/// What the elements of a sitemap or feed name, read as events: a sitemap of 50 MB makes no tree.
///
/// Elements count by their local names, and by where they stand: the `image:loc` within a `url` is no page.
struct SitemapElements {
    /// The root element's local name.
    private(set) var root: String?
    private(set) var pages: [String] = []
    private(set) var sitemaps: [String] = []
    private var path: [String] = []
    /// The text of the element that is being read, where it is a URL's.
    private var text: [UInt8]?
    private let limit: Int

    private static let pagePaths: Set<[String]> = [
        ["urlset", "url", "loc"],  // sitemaps.org protocol 0.9
        ["rss", "channel", "item", "link"],  // RSS 0.91 to 2.0
        ["RDF", "item", "link"],  // RSS 1.0
    ]
    private static let sitemapPath = ["sitemapindex", "sitemap", "loc"]
    /// Atom (RFC 4287 §4.2.7): the URL is an attribute.
    private static let atomPath = ["feed", "entry", "link"]
    private static let roots: Set<String> = ["urlset", "sitemapindex", "rss", "RDF", "feed"]
    /// Deeper elements are no URL's; so many names are remembered at most.
    private static let maxPath = 5
    /// Of one URL's text; a longer one is no URL.
    private static let maxTextBytes = 64 << 10

    var isSitemap: Bool { root.map(Self.roots.contains) ?? false }

    /// `bytes` from `start` are those of ``XMLInput``; broken markup is read as far as it makes sense, URLs behind the
    /// first `limit` are passed over. Throws ``ExtractionError/failed(_:)`` where parsing costs too much.
    init(_ bytes: [UInt8], from start: Int, atMost limit: Int) throws {
        LibXMLSetup.prepareThread()
        guard let parser = xmlNewParserCtxt() else { throw ExtractionError.failed("no memory for a sitemap") }
        defer { xmlFreeParserCtxt(parser) }
        Self.setHandlers(of: parser)
        var elements = Self(limit: limit)
        let isExpired = bytes.withUnsafeBytes { buffer in
            var input = ParserInput(UnsafeRawBufferPointer(rebasing: buffer[start...]), for: parser)
            return withUnsafeMutablePointer(to: &elements) { state in
                parser.pointee._private = UnsafeMutableRawPointer(state)
                withUnsafeMutablePointer(to: &input) { Self.parse($0, parser) }
                return input.isExpired
            }
        }
        if isExpired { throw ExtractionError.failed("the sitemap takes too long to parse") }
        self = elements
    }

    private init(limit: Int) { self.limit = limit }

    private static func parse(_ input: UnsafeMutablePointer<ParserInput>, _ parser: xmlParserCtxtPtr) {
        let options =
            XML_PARSE_RECOVER.rawValue | XML_PARSE_NOERROR.rawValue | XML_PARSE_NOWARNING.rawValue
            | XML_PARSE_NONET.rawValue | XML_PARSE_NOCDATA.rawValue | XML_PARSE_IGNORE_ENC.rawValue
        xmlFreeDoc(
            xmlCtxtReadIO(parser, ParserInput.read, nil, input, nil, "UTF-8", Int32(bitPattern: options)))
    }

    /// SAX1 and nothing but elements and texts: entities and attribute defaults of a document type come through
    /// handlers that are not there. With a document, or libxml2 would make one for its entities.
    private static func setHandlers(of parser: xmlParserCtxtPtr) {
        parser.pointee.sax2 = 0
        let sax = parser.pointee.sax!
        sax.pointee = xmlSAXHandler()
        sax.pointee.initialized = 1
        sax.pointee.startDocument = { xmlSAX2StartDocument($0) }
        sax.pointee.startElement = { context, name, attributes in
            guard let name else { return }
            SitemapElements.state(context)?.pointee.start(name, attributes)
        }
        sax.pointee.endElement = { context, _ in SitemapElements.state(context)?.pointee.end() }
        sax.pointee.characters = { context, characters, count in
            let text = UnsafeBufferPointer(start: characters, count: Int(count))
            SitemapElements.state(context)?.pointee.read(text)
        }
    }

    private static func state(_ context: UnsafeMutableRawPointer?) -> UnsafeMutablePointer<Self>? {
        context?.assumingMemoryBound(to: xmlParserCtxt.self).pointee._private?
            .assumingMemoryBound(to: Self.self)
    }

    // MARK: Events

    private var depth = 0

    private mutating func start(
        _ qualifiedName: UnsafePointer<xmlChar>,
        _ attributes: UnsafeMutablePointer<UnsafePointer<xmlChar>?>?
    ) {
        depth += 1
        text = nil
        guard depth <= Self.maxPath else { return }
        let name = String(cString: qualifiedName)
        path.append(name.lastIndex(of: ":").map { String(name[name.index(after: $0)...]) } ?? name)
        if depth == 1, root == nil { root = path[0] }
        if Self.pagePaths.contains(path) || path == Self.sitemapPath { text = [] }
        if path == Self.atomPath, let page = Self.atomLink(attributes) { note(page) }
    }

    private mutating func read(_ characters: UnsafeBufferPointer<xmlChar>) {
        guard let length = text?.count, length + characters.count <= Self.maxTextBytes else { return }
        text?.append(contentsOf: characters)
    }

    private mutating func end() {
        defer {
            if depth == path.count { path.removeLast() }
            depth -= 1
        }
        guard let bytes = text else { return }
        text = nil
        let url = String(decoding: bytes, as: UTF8.self)
        guard url.contains(where: { !$0.isWhitespace }) else { return }
        note(url)
    }

    private mutating func note(_ url: String) {
        guard pages.count + sitemaps.count < limit else { return }
        if path == Self.sitemapPath { sitemaps.append(url) } else { pages.append(url) }
    }

    /// The `href` of a link to the entry itself: without `rel`, or with `alternate`.
    private static func atomLink(_ attributes: UnsafeMutablePointer<UnsafePointer<xmlChar>?>?) -> String? {
        var found: [String: String] = [:]
        var index = 0
        while let attributes, let name = attributes[index], let value = attributes[index + 1] {
            found[String(cString: name)] = String(cString: value)
            index += 2
        }
        return found["rel"] ?? "alternate" == "alternate" ? found["href"] : nil
    }
}
