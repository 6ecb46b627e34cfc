internal import CLibXML

/// A parsed page and the owner of its tree: every node pointer is good for as long as this value is.
struct PageTree: ~Copyable {
    let document: xmlDocPtr
    let isXML: Bool
    /// What stands in the tree's text for characters that it cannot hold.
    let standIns: StandIns?

    /// Throws ``ExtractionError/failed(_:)`` where parsing costs too much, ``ExtractionError/tooLarge(_:)`` where the tree
    /// would.
    init(_ text: PageText, isXML: Bool) throws {
        LibXMLSetup.prepareThread()
        self.isXML = isXML
        if isXML {
            let input = XMLInput(text)
            standIns = nil
            document = try Self.parse(input.bytes[input.start...], isXML: true)
        } else {
            let input = HTMLInput(text)
            standIns = input.standIns
            document = try Self.parse(input.bytes[input.start...], isXML: false)
        }
        if isXML { Self.dropNamespaces(document) }
    }

    deinit {
        xmlFreeDoc(document)
    }

    /// The root element; nil on an empty page.
    var root: xmlNodePtr? { xmlDocGetRootElement(document) }

    /// Where a walk over all of the page starts.
    var top: xmlNodePtr { UnsafeMutableRawPointer(document).assumingMemoryBound(to: xmlNode.self) }

    private static func parse(_ bytes: ArraySlice<UInt8>, isXML: Bool) throws -> xmlDocPtr {
        try bytes.withUnsafeBytes { try parse($0, isXML: isXML) }
    }

    private static func parse(_ bytes: UnsafeRawBufferPointer, isXML: Bool) throws -> xmlDocPtr {
        guard let parser = isXML ? xmlNewParserCtxt() : htmlNewParserCtxt() else { throw outOfMemory }
        // Frees HTML parsers too: they are of one kind.
        defer { xmlFreeParserCtxt(parser) }
        var input = ParserInput(bytes, for: parser)
        var count = NodeCount()
        let parsed = withUnsafeMutablePointer(to: &input) { state in
            withUnsafeMutablePointer(to: &count) { count in
                count.pointee.watch(parser, with: count)
                return isXML ? parseXML(state, parser) : parseHTML(state, parser)
            }
        }
        guard !count.isTooLarge else {
            xmlFreeDoc(parsed)
            throw ExtractionError.tooLarge("the page has too many elements and attributes")
        }
        guard !input.isExpired else {
            xmlFreeDoc(parsed)
            throw ExtractionError.failed("the page takes too long to parse")
        }
        guard let document = parsed ?? htmlNewDocNoDtD(nil, nil) else { throw outOfMemory }
        return document
    }

    private static var outOfMemory: ExtractionError { .failed("no memory to parse the page") }

    /// Not HTML_PARSE_HUGE: without it libxml2 bounds depth, names and single texts (10 MB).
    private static func parseHTML(
        _ input: UnsafeMutablePointer<ParserInput>, _ parser: xmlParserCtxtPtr
    ) -> xmlDocPtr? {
        let options =
            HTML_PARSE_RECOVER.rawValue | HTML_PARSE_NOERROR.rawValue | HTML_PARSE_NOWARNING.rawValue
            | HTML_PARSE_NONET.rawValue | HTML_PARSE_COMPACT.rawValue | HTML_PARSE_NODEFDTD.rawValue
        return htmlCtxtReadIO(parser, ParserInput.read, nil, input, nil, "UTF-8", Int32(bitPattern: options))
    }

    /// No entity or attribute default of a document type is taken over, so none can multiply ("billion
    /// laughs"), and none is fetched. The first version of SAX, because only there attribute defaults pass through a
    /// handler that can be left out.
    private static func parseXML(
        _ input: UnsafeMutablePointer<ParserInput>, _ parser: xmlParserCtxtPtr
    ) -> xmlDocPtr? {
        parser.pointee.sax.pointee.entityDecl = nil
        parser.pointee.sax.pointee.unparsedEntityDecl = nil
        parser.pointee.sax.pointee.attributeDecl = nil
        parser.pointee.sax.pointee.elementDecl = nil
        parser.pointee.sax.pointee.externalSubset = nil
        // It would make a node of each entity that nobody declared.
        parser.pointee.sax.pointee.reference = nil
        parser.pointee.sax.pointee.endElement = xmlSAX2EndElement
        parser.pointee.sax.pointee.startElementNs = nil
        parser.pointee.sax.pointee.endElementNs = nil
        parser.pointee.sax.pointee.initialized = 1
        let options =
            XML_PARSE_RECOVER.rawValue | XML_PARSE_NOERROR.rawValue | XML_PARSE_NOWARNING.rawValue
            | XML_PARSE_NONET.rawValue | XML_PARSE_COMPACT.rawValue | XML_PARSE_NOENT.rawValue
            | XML_PARSE_IGNORE_ENC.rawValue
        return xmlCtxtReadIO(parser, ParserInput.read, nil, input, nil, "UTF-8", Int32(bitPattern: options))
    }

    /// Selectors have no prefixes, so an Atom feed's `entry` is just that: names count without their
    /// namespace.
    private static func dropNamespaces(_ document: xmlDocPtr) {
        let top = UnsafeMutableRawPointer(document).assumingMemoryBound(to: xmlNode.self)
        var node = top.firstChildOfTree
        while let current = node {
            if current.isElement {
                current.pointee.ns = nil
                xmlFreeNsList(current.pointee.nsDef)
                current.pointee.nsDef = nil
                var attribute = current.pointee.properties
                while let present = attribute {
                    present.pointee.ns = nil
                    attribute = present.pointee.next
                }
            }
            node = current.following(within: top)
        }
    }
}
