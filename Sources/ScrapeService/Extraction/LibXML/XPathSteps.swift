internal import CLibXML

/// Location paths (XPath 1.0, section 2): from a set of nodes to the next, in the order of the page.
extension XPathEvaluator {
    func nodes(_ path: XPathPath, in context: XPathContext, wanted: Wanted) throws -> [xmlNodePtr] {
        var current: [xmlNodePtr]
        switch path.start {
        case .context:
            current = [context.node]
        case .document:
            current = [page]
        case .expression(let start, let predicates):
            current = try nodes(start, in: context)
            try filter(&current, by: predicates)
        }
        for (index, step) in path.steps.enumerated() where !current.isEmpty {
            let isLast = index == path.steps.count - 1
            current = try follow(step, from: current, wanted: isLast ? wanted : .all)
        }
        return current
    }

    private func follow(
        _ step: XPathStep, from contexts: [xmlNodePtr], wanted: Wanted
    ) throws -> [xmlNodePtr] {
        if step.isPositional { return try followEach(step, from: contexts) }
        let isFirstEnough = wanted == .first && contexts.count == 1 && !step.axis.isReverse
        let limit = wanted == .any || isFirstEnough ? 1 : Int.max
        var found: [xmlNodePtr] = []
        try walk(step.axis, from: contexts) { node in
            guard step.test.accepts(node, on: step.axis) else { return true }
            for predicate in step.predicates
            where try !boolean(predicate, in: XPathContext(node: node)) { return true }
            found.append(node)
            return found.count < limit
        }
        if contexts.count == 1 {
            if step.axis.isReverse { found.reverse() }
        } else {
            try budget.pointee.spend(found.count)
            NodeOrder.sort(&found, in: page)
        }
        return found
    }

    /// Where predicates ask for positions, each context node has a list of its own.
    private func followEach(_ step: XPathStep, from contexts: [xmlNodePtr]) throws -> [xmlNodePtr] {
        var last = Int.max
        if case .number(let position)? = step.predicates.first { last = Int(exactly: position) ?? last }
        var found: [xmlNodePtr] = []
        // Lists may repeat one another's nodes: they are united before they outgrow the page.
        var uniteAt = 1 << 16
        for context in contexts {
            var own: [xmlNodePtr] = []
            try walk(step.axis, from: context) { node in
                if step.test.accepts(node, on: step.axis) { own.append(node) }
                return own.count < last
            }
            try filter(&own, by: step.predicates)
            if step.axis.isReverse { own.reverse() }
            found += own
            if found.count > uniteAt {
                try budget.pointee.spend(found.count)
                NodeOrder.sort(&found, in: page)
                uniteAt = max(uniteAt, 2 * found.count)
            }
        }
        if contexts.count > 1 {
            try budget.pointee.spend(found.count)
            NodeOrder.sort(&found, in: page)
        }
        return found
    }

    /// `nodes` are in the order in which positions count.
    private func filter(_ nodes: inout [xmlNodePtr], by predicates: [XPathExpression]) throws {
        for predicate in predicates where !nodes.isEmpty {
            if case .number(let position) = predicate {
                let index = Int(exactly: position) ?? 0
                nodes = (1...nodes.count).contains(index) ? [nodes[index - 1]] : []
                continue
            }
            var kept: [xmlNodePtr] = []
            for (index, node) in nodes.enumerated() {
                try budget.pointee.spend()
                let context = XPathContext(node: node, position: index + 1, size: nodes.count)
                let isKept =
                    predicate.kind == .number
                    ? try number(predicate, in: context) == Double(index + 1)
                    : try boolean(predicate, in: context)
                if isKept { kept.append(node) }
            }
            nodes = kept
        }
    }

    /// The elements with one of the identifiers (section 4.1).
    func identified(by argument: XPathExpression, in context: XPathContext) throws -> [xmlNodePtr] {
        var found: [xmlNodePtr] = []
        func take(_ text: UnsafeBufferPointer<UInt8>) throws {
            try budget.pointee.spend(bytes: text.count)
            for word in text.split(whereSeparator: { XPathText.isSpace($0) }) {
                try budget.pointee.spend()
                let name = Array(word) + [0]
                guard let attribute = xmlGetID(page.pointee.doc, name), attribute.node.isAttribute,
                    let element = attribute.pointee.parent
                else { continue }
                found.append(element)
            }
        }
        if argument.kind == .nodes {
            for node in try nodes(argument, in: context) { try withText(of: node, take) }
        } else {
            try withText(argument, in: context, take)
        }
        NodeOrder.sort(&found, in: page)
        return found
    }
}

extension XPathNodeTest {
    func accepts(_ node: xmlNodePtr, on axis: XPathAxis) -> Bool {
        switch self {
        case .name(let name):
            guard node.pointee.type == (axis == .attribute ? XML_ATTRIBUTE_NODE : XML_ELEMENT_NODE),
                let own = node.pointee.name
            else { return false }
            return name.withUnsafeBufferPointer { name in
                name.baseAddress.map { sameText(own, $0) } ?? false
            }
        case .named:
            return node.pointee.type == (axis == .attribute ? XML_ATTRIBUTE_NODE : XML_ELEMENT_NODE)
        case .text:
            return node.isText
        case .comment:
            return node.pointee.type == XML_COMMENT_NODE
        case .instruction(let name):
            guard node.pointee.type == XML_PI_NODE else { return false }
            guard let name, let own = node.pointee.name else { return name == nil }
            return name.withUnsafeBufferPointer { name in
                name.baseAddress.map { sameText(own, $0) } ?? false
            }
        case .node:
            switch node.pointee.type {
            case XML_ELEMENT_NODE, XML_ATTRIBUTE_NODE, XML_TEXT_NODE, XML_CDATA_SECTION_NODE, XML_PI_NODE,
                XML_COMMENT_NODE, XML_DOCUMENT_NODE, XML_HTML_DOCUMENT_NODE:
                return true
            default: return false
            }
        }
    }
}
