internal import CLibXML

typealias XMLText = UnsafePointer<xmlChar>

/// Steps through the tree. Only elements and the document have children here: those of an entity reference or
/// of a document type belong to something else.
extension xmlNodePtr {
    var isElement: Bool { pointee.type == XML_ELEMENT_NODE }

    /// Text or CDATA: what XPath's `text()` selects.
    var isText: Bool { pointee.type == XML_TEXT_NODE || pointee.type == XML_CDATA_SECTION_NODE }

    var isAttribute: Bool { pointee.type == XML_ATTRIBUTE_NODE }

    var firstChildOfTree: xmlNodePtr? {
        switch pointee.type {
        case XML_ELEMENT_NODE, XML_DOCUMENT_NODE, XML_HTML_DOCUMENT_NODE: pointee.children
        default: nil
        }
    }

    /// The next node in document order inside `top`, descending.
    func following(within top: xmlNodePtr) -> xmlNodePtr? {
        firstChildOfTree ?? followingAfterSubtree(within: top)
    }

    func followingAfterSubtree(within top: xmlNodePtr) -> xmlNodePtr? {
        var node = self
        while node != top {
            if let next = node.pointee.next { return next }
            guard let parent = node.pointee.parent else { return nil }
            node = parent
        }
        return nil
    }

    var parentElement: xmlNodePtr? {
        guard let parent = pointee.parent, parent.isElement else { return nil }
        return parent
    }

    var nextElement: xmlNodePtr? {
        var node = pointee.next
        while let current = node, !current.isElement { node = current.pointee.next }
        return node
    }

    var previousElement: xmlNodePtr? {
        var node = pointee.prev
        while let current = node, !current.isElement { node = current.pointee.prev }
        return node
    }

    var firstChildElement: xmlNodePtr? {
        guard let first = firstChildOfTree else { return nil }
        return first.isElement ? first : first.nextElement
    }

    /// The element's attribute of that name (lower-case in HTML).
    func attribute(_ name: XMLText) -> xmlAttrPtr? {
        var attribute = pointee.properties
        while let current = attribute {
            if let own = current.pointee.name, sameText(own, name) { return current }
            attribute = current.pointee.next
        }
        return nil
    }
}

extension xmlAttrPtr {
    /// Both parsers leave one text node, or none where the value is empty.
    var value: XMLText {
        guard let text = pointee.children?.pointee.content else { return emptyText }
        return XMLText(text)
    }

    var node: xmlNodePtr { UnsafeMutableRawPointer(self).assumingMemoryBound(to: xmlNode.self) }
}

private let emptyTextBytes: StaticString = ""
private var emptyText: XMLText { emptyTextBytes.utf8Start }

/// Whether two NUL-terminated strings are equal; mostly the first byte decides.
@inline(__always)
func sameText(_ first: XMLText, _ second: XMLText) -> Bool {
    var index = 0
    while first[index] == second[index] {
        if first[index] == 0 { return true }
        index += 1
    }
    return false
}
