internal import CLibXML

/// The order of a page's nodes, attributes after their element: each node's number stands in its field for
/// applications, written when it is first asked for.
enum NodeOrder {
    /// How many numbers there are; each is less than this.
    static func count(_ top: xmlNodePtr) -> Int {
        if top.pointee._private == nil { number(top) }
        return Int(bitPattern: top.pointee._private)
    }

    /// After ``count(_:)`` or ``sort(_:in:)``; the document's is its own count.
    @inline(__always)
    static func number(of node: xmlNodePtr) -> Int {
        Int(bitPattern: node.pointee._private)
    }

    private static func number(_ top: xmlNodePtr) {
        var next = 1
        var node = top.firstChildOfTree
        while let current = node {
            current.pointee._private = UnsafeMutableRawPointer(bitPattern: next)
            next += 1
            if current.isElement {
                var attribute = current.pointee.properties
                while let present = attribute {
                    present.pointee._private = UnsafeMutableRawPointer(bitPattern: next)
                    next += 1
                    attribute = present.pointee.next
                }
            }
            node = current.following(within: top)
        }
        top.pointee._private = UnsafeMutableRawPointer(bitPattern: next)
    }

    /// Into the order of the page, each node once.
    static func sort(_ nodes: inout [xmlNodePtr], in top: xmlNodePtr) {
        guard nodes.count > 1 else { return }
        _ = count(top)
        func key(_ node: xmlNodePtr) -> Int { node == top ? 0 : number(of: node) }
        var isAscending = true
        for index in 1..<nodes.count where key(nodes[index - 1]) >= key(nodes[index]) {
            isAscending = false
            break
        }
        if isAscending { return }
        nodes.sort { key($0) < key($1) }
        var kept = 1
        for index in 1..<nodes.count where nodes[index] != nodes[kept - 1] {
            nodes[kept] = nodes[index]
            kept += 1
        }
        nodes.removeLast(nodes.count - kept)
    }
}
