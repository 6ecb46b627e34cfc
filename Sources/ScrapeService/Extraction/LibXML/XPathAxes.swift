internal import CLibXML

/// The nodes of an axis, in its own order (XPath 1.0, section 2.2). `visit` returns false to stop; each hop is charged.
/// The namespace axis is empty: pages have none.
extension XPathEvaluator {
    typealias Visit = (xmlNodePtr) throws -> Bool

    func walk(_ axis: XPathAxis, from node: xmlNodePtr, _ visit: Visit) throws {
        switch axis {
        case .child:
            guard !node.isAttribute else { return }
            try walkSiblings(from: node.firstChildOfTree, { $0.pointee.next }, visit)
        case .attribute:
            guard node.isElement else { return }
            try walkSiblings(from: node.pointee.properties?.node, { $0.pointee.next }, visit)
        case .itself:
            _ = try step(to: node, visit)
        case .parent:
            if let parent = node.pointee.parent { _ = try step(to: parent, visit) }
        case .ancestor:
            try walkSiblings(from: node.pointee.parent, { $0.pointee.parent }, visit)
        case .ancestorOrSelf:
            try walkSiblings(from: node, { $0.pointee.parent }, visit)
        case .descendant:
            try walkDescendants(of: node, visit)
        case .descendantOrSelf:
            if try step(to: node, visit) { try walkDescendants(of: node, visit) }
        case .followingSibling:
            guard !node.isAttribute else { return }
            try walkSiblings(from: node.pointee.next, { $0.pointee.next }, visit)
        case .precedingSibling:
            guard !node.isAttribute else { return }
            try walkSiblings(from: node.pointee.prev, { $0.pointee.prev }, visit)
        case .following:
            try walkFollowing(node, visit)
        case .preceding:
            try walkPreceding(node, visit)
        case .namespace:
            return
        }
    }

    /// The nodes that `contexts` (in the order of the page) lead to, each once; in no order.
    func walk(_ axis: XPathAxis, from contexts: [xmlNodePtr], _ visit: Visit) throws {
        guard contexts.count > 1 else { return try walk(axis, from: contexts[0], visit) }
        var goesOn = true
        func note(_ node: xmlNodePtr) throws -> Bool {
            goesOn = try visit(node)
            return goesOn
        }
        switch axis {
        case .child, .attribute, .itself, .namespace:
            for context in contexts where goesOn { try walk(axis, from: context, note) }
        case .descendant, .descendantOrSelf:
            try walkDescendants(of: contexts, orSelf: axis == .descendantOrSelf, visit)
        case .following:
            if let first = try firstToEnd(contexts) { try walkFollowing(first, visit) }
        case .preceding:
            try walkPreceding(contexts[contexts.count - 1], visit)
        case .parent, .ancestor, .ancestorOrSelf, .followingSibling, .precedingSibling:
            // What was met before leads only to what was met before.
            var met: Set<xmlNodePtr> = []
            func isNew(_ node: xmlNodePtr) throws -> Bool {
                try met.insert(node).inserted && note(node)
            }
            for context in axis == .precedingSibling ? contexts.reversed() : contexts where goesOn {
                try walk(axis, from: context, isNew)
            }
        }
    }

    @inline(__always)
    private func step(to node: xmlNodePtr, _ visit: Visit) throws -> Bool {
        try budget.pointee.spend()
        return try visit(node)
    }

    private func walkSiblings(
        from first: xmlNodePtr?, _ next: (xmlNodePtr) -> xmlNodePtr?, _ visit: Visit
    ) throws {
        var node = first
        while let current = node {
            guard try step(to: current, visit) else { return }
            node = next(current)
        }
    }

    private func walkDescendants(of top: xmlNodePtr, _ visit: Visit) throws {
        guard !top.isAttribute else { return }
        var node = top.firstChildOfTree
        while let current = node {
            guard try step(to: current, visit) else { return }
            node = current.following(within: top)
        }
    }

    private func walkDescendants(of contexts: [xmlNodePtr], orSelf: Bool, _ visit: Visit) throws {
        _ = NodeOrder.count(page)
        // The last node of the subtrees so far: a context node up to there is inside one of them.
        var covered = 0
        var goesOn = true
        func cover(_ node: xmlNodePtr) throws -> Bool {
            if node != page { covered = NodeOrder.number(of: node) }
            goesOn = try visit(node)
            return goesOn
        }
        for context in contexts where goesOn {
            if context.isAttribute {
                if orSelf { goesOn = try step(to: context, visit) }
            } else if context == page || NodeOrder.number(of: context) > covered {
                try walk(orSelf ? .descendantOrSelf : .descendant, from: context, cover)
            }
        }
    }

    private func walkFollowing(_ start: xmlNodePtr, _ visit: Visit) throws {
        var node = try nodeAfterSubtree(of: start)
        while let current = node {
            guard try step(to: current, visit) else { return }
            node = current.following(within: page)
        }
    }

    /// An attribute has nothing inside: its element's content follows it.
    private func nodeAfterSubtree(of start: xmlNodePtr) throws -> xmlNodePtr? {
        if start.isAttribute, let inside = start.pointee.parent?.firstChildOfTree { return inside }
        var node = start.isAttribute ? start.pointee.parent : start
        while let current = node, current != page {
            try budget.pointee.spend()
            if let next = current.pointee.next { return next }
            node = current.pointee.parent
        }
        return nil
    }

    /// The context node whose subtree is over first: all that follows any follows that.
    private func firstToEnd(_ contexts: [xmlNodePtr]) throws -> xmlNodePtr? {
        _ = NodeOrder.count(page)
        var best: (node: xmlNodePtr, end: Int)?
        for context in contexts {
            guard let end = try nodeAfterSubtree(of: context).map(NodeOrder.number) else { continue }
            if let known = best, known.end <= end { continue }
            best = (context, end)
        }
        return best?.node
    }

    /// Backwards over all but the ancestors.
    private func walkPreceding(_ start: xmlNodePtr, _ visit: Visit) throws {
        var outer = start.isAttribute ? start.pointee.parent : start
        while let ancestor = outer, ancestor != page {
            var sibling = ancestor.pointee.prev
            while let top = sibling {
                guard try walkBackwards(top, visit) else { return }
                sibling = top.pointee.prev
            }
            try budget.pointee.spend()
            outer = ancestor.pointee.parent
        }
    }

    /// The subtree of `top` from its last node to itself; false where `visit` stopped it.
    private func walkBackwards(_ top: xmlNodePtr, _ visit: Visit) throws -> Bool {
        var node = try lastNode(in: top)
        while true {
            guard try step(to: node, visit) else { return false }
            if node == top { return true }
            if let previous = node.pointee.prev {
                node = try lastNode(in: previous)
            } else if let parent = node.pointee.parent {
                node = parent
            }
        }
    }

    private func lastNode(in top: xmlNodePtr) throws -> xmlNodePtr {
        var node = top
        while node.isElement, let last = node.pointee.last {
            try budget.pointee.spend()
            node = last
        }
        return node
    }
}
