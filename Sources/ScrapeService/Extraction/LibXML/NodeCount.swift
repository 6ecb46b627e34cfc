internal import CLibXML

/// Keeps a page's tree small while it is parsed, by handlers in front of libxml2's own.
struct NodeCount {
    /// Elements, attributes, comments and processing instructions of one page. Each takes some 150 bytes, with the text
    /// around it up to 400, and may be written in four bytes: without a bound a page of 10 MiB would take 600 MiB. Real
    /// pages of 10 MiB have some 300,000.
    static let maxNodes = 1_000_000
    /// Attributes of one element; further ones are dropped. libxml2 appends each by walking over all earlier ones.
    static let maxAttributes = 1000

    private var nodes = 0
    private(set) var isTooLarge = false

    /// `count` is this value; it outlives the parsing.
    func watch(_ parser: xmlParserCtxtPtr, with count: UnsafeMutablePointer<NodeCount>) {
        parser.pointee._private = UnsafeMutableRawPointer(count)
        parser.pointee.sax.pointee.startElement = Self.startElement
        parser.pointee.sax.pointee.comment = Self.comment
        parser.pointee.sax.pointee.processingInstruction = Self.instruction
    }

    private static let startElement: startElementSAXFunc = { context, name, attributes in
        var count = 0
        if let attributes {
            while count < 2 * maxAttributes, attributes[count] != nil { count += 2 }
            attributes[count] = nil
        }
        if add(1 + count / 2, to: context) { xmlSAX2StartElement(context, name, attributes) }
    }

    private static let comment: commentSAXFunc = { context, text in
        if add(1, to: context) { xmlSAX2Comment(context, text) }
    }

    private static let instruction: processingInstructionSAXFunc = { context, target, data in
        if add(1, to: context) { xmlSAX2ProcessingInstruction(context, target, data) }
    }

    /// False where the page has had enough: the parser is stopped then.
    private static func add(_ nodes: Int, to context: UnsafeMutableRawPointer?) -> Bool {
        guard let parser = context?.assumingMemoryBound(to: xmlParserCtxt.self),
            let count = parser.pointee._private?.assumingMemoryBound(to: NodeCount.self)
        else { return false }
        count.pointee.nodes += nodes
        guard count.pointee.nodes > maxNodes else { return true }
        count.pointee.isTooLarge = true
        xmlStopParser(parser)
        return false
    }
}
