internal import CLibXML
import Glibc

/// Makes Swift strings of nodes, and stops a page whose strings would outgrow all measure.
struct TextReader {
    /// Bytes of text and markup taken from one page. Elements inside one another repeat their text: without a
    /// bound 10 MB of nested `<div>` could yield gigabytes.
    static let maxOutputBytes = 64 * 1024 * 1024

    private var outputBytes = 0
    private var buffer: [UInt8] = []
    private let standIns: StandIns?

    private let budget: UnsafeMutablePointer<SelectorBudget>

    init(standIns: StandIns?, budget: UnsafeMutablePointer<SelectorBudget>) {
        self.standIns = standIns
        self.budget = budget
    }

    /// XPath's string value: all text inside, in order. Throws ``ExtractionError/tooLarge(_:)`` past the bound,
    /// ``ExtractionError/exhausted(_:)`` where the budget is.
    mutating func text(of node: xmlNodePtr, trimmed: Bool) throws -> String {
        if node.isAttribute {
            let attribute = UnsafeMutableRawPointer(node).assumingMemoryBound(to: xmlAttr.self)
            return try string(UnsafeBufferPointer(cString: attribute.value), trimmed: trimmed)
        }
        guard node.isElement || node.isDocument else {
            guard let content = node.pointee.content else { return "" }
            return try string(UnsafeBufferPointer(cString: XMLText(content)), trimmed: trimmed)
        }
        guard let only = node.pointee.children, only.pointee.next == nil, only.isText,
            let content = only.pointee.content
        else {
            return try gatheredText(of: node, trimmed: trimmed)
        }
        return try string(UnsafeBufferPointer(cString: XMLText(content)), trimmed: trimmed)
    }

    private mutating func gatheredText(of top: xmlNodePtr, trimmed: Bool) throws -> String {
        buffer.removeAll(keepingCapacity: true)
        var node = top.following(within: top)
        while let current = node {
            // Nested elements without any text would else cost the square of the page.
            try budget.pointee.spend()
            if current.isText, let content = current.pointee.content {
                buffer.append(contentsOf: UnsafeBufferPointer(cString: XMLText(content)))
                if outputBytes + buffer.count > Self.maxOutputBytes { throw Self.tooMuch }
            }
            node = current.following(within: top)
        }
        return try buffer.withUnsafeBufferPointer { bytes in
            try Self.string(bytes, trimmed: trimmed, standIns, counting: &outputBytes)
        }
    }

    mutating func string(_ bytes: UnsafeBufferPointer<UInt8>, trimmed: Bool) throws -> String {
        try Self.string(bytes, trimmed: trimmed, standIns, counting: &outputBytes)
    }

    private static func string(
        _ bytes: UnsafeBufferPointer<UInt8>, trimmed: Bool, _ standIns: StandIns?,
        counting outputBytes: inout Int
    ) throws -> String {
        if let restored = standIns?.restored(bytes) {
            return try restored.withUnsafeBufferPointer {
                try string($0, trimmed: trimmed, nil, counting: &outputBytes)
            }
        }
        let range = trimmed ? WhiteSpace.trimmedRange(bytes) : 0..<bytes.count
        outputBytes += range.count
        guard outputBytes <= maxOutputBytes else { throw tooMuch }
        return String(decoding: UnsafeBufferPointer(rebasing: bytes[range]), as: UTF8.self)
    }

    private static var tooMuch: ExtractionError {
        .tooLarge("the selectors take more than \(maxOutputBytes >> 20) MiB from one page")
    }

    /// The node as HTML (of an XML page: as XML) in UTF-8, without what follows it.
    mutating func markup(of node: xmlNodePtr, in page: borrowing PageTree) throws -> String {
        guard node.isElement else { return try text(of: node, trimmed: false) }
        guard let output = xmlAllocOutputBuffer(nil) else {
            throw ExtractionError.failed("no memory for markup")
        }
        defer { xmlOutputBufferClose(output) }
        if page.isXML {
            xmlNodeDumpOutput(output, page.document, node, 0, 0, "UTF-8")
        } else {
            htmlNodeDumpFormatOutput(output, page.document, node, "UTF-8", 0)
        }
        guard let content = xmlOutputBufferGetContent(output) else { return "" }
        let bytes = UnsafeBufferPointer(start: content, count: Int(xmlOutputBufferGetSize(output)))
        return try string(bytes, trimmed: false)
    }
}

extension xmlNodePtr {
    var isDocument: Bool { pointee.type == XML_HTML_DOCUMENT_NODE || pointee.type == XML_DOCUMENT_NODE }
}

extension UnsafeBufferPointer<UInt8> {
    init(cString: XMLText) {
        self.init(
            start: cString, count: strlen(UnsafeRawPointer(cString).assumingMemoryBound(to: CChar.self)))
    }
}
