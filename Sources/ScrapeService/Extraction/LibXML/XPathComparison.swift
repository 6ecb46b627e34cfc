internal import CLibXML

/// `=`, `!=`, `<`, `<=`, `>`, `>=` (XPath 1.0, section 3.4). A node set compares as any of its nodes does; two sets are
/// compared in time linear in their texts.
extension XPathEvaluator {
    func compare(_ left: XPathValue, _ operation: XPathOperator, _ right: XPathValue) throws -> Bool {
        switch (left, right) {
        case (.nodes(let first), .nodes(let second)):
            return try compareSets(first, operation, second)
        case (.nodes(let nodes), _):
            return try compareSet(nodes, operation, right)
        case (_, .nodes(let nodes)):
            return try compareSet(nodes, operation.mirrored, left)
        default:
            return try compareValues(left, operation, right)
        }
    }

    private func compareSet(
        _ nodes: [xmlNodePtr], _ operation: XPathOperator, _ value: XPathValue
    ) throws -> Bool {
        switch value {
        case .boolean:
            return try compareValues(.boolean(!nodes.isEmpty), operation, value)
        case .string(let string) where operation.precedence == .equality:
            for node in nodes
            where try withText(of: node, { $0.elementsEqual(string) }) == (operation == .equal) {
                return true
            }
            return false
        default:
            let number = try self.number(of: value)
            for node in nodes
            where operation.holds(try withText(of: node, XPathNumber.parse), number) { return true }
            return false
        }
    }

    private func compareValues(
        _ left: XPathValue, _ operation: XPathOperator, _ right: XPathValue
    ) throws -> Bool {
        guard operation.precedence == .equality else {
            return operation.holds(try number(of: left), try number(of: right))
        }
        switch (left, right) {
        case (.boolean, _), (_, .boolean):
            return (truth(of: left) == truth(of: right)) == (operation == .equal)
        case (.string(let first), .string(let second)):
            try budget.pointee.spend(bytes: min(first.count, second.count))
            return (first == second) == (operation == .equal)
        default:
            return operation.holds(try number(of: left), try number(of: right))
        }
    }

    private func number(of value: XPathValue) throws -> Double {
        switch value {
        case .number(let number): return number
        case .boolean(let truth): return truth ? 1 : 0
        case .string(let string):
            try budget.pointee.spend(bytes: string.count)
            return string.withUnsafeBufferPointer(XPathNumber.parse)
        case .nodes: return .nan
        }
    }

    private func truth(of value: XPathValue) -> Bool {
        switch value {
        case .boolean(let truth): truth
        case .number(let number): number != 0 && !number.isNaN
        case .string(let string): !string.isEmpty
        case .nodes(let nodes): !nodes.isEmpty
        }
    }

    // MARK: Two sets

    private func compareSets(
        _ first: [xmlNodePtr], _ operation: XPathOperator, _ second: [xmlNodePtr]
    ) throws -> Bool {
        guard !first.isEmpty, !second.isEmpty else { return false }
        switch operation {
        case .equal:
            return try haveCommonText(first, second)
        case .unequal:
            return try !haveOneText(first + second)
        default:
            guard let left = try range(of: first), let right = try range(of: second) else { return false }
            return operation == .less || operation == .lessOrEqual
                ? operation.holds(left.lowerBound, right.upperBound)
                : operation.holds(left.upperBound, right.lowerBound)
        }
    }

    /// The smallest and the largest number among the nodes; nil where none is a number.
    private func range(of nodes: [xmlNodePtr]) throws -> ClosedRange<Double>? {
        var range: ClosedRange<Double>?
        for node in nodes {
            let number = try withText(of: node, XPathNumber.parse)
            guard !number.isNaN else { continue }
            let known = range ?? number...number
            range = min(known.lowerBound, number)...max(known.upperBound, number)
        }
        return range
    }

    private func haveOneText(_ nodes: [xmlNodePtr]) throws -> Bool {
        try withText(of: nodes[0]) { text in
            for node in nodes.dropFirst()
            where try !withText(of: node, { $0.elementsEqual(text) }) { return false }
            return true
        }
    }

    /// Texts are kept as hashes: elements inside one another repeat theirs.
    private func haveCommonText(_ first: [xmlNodePtr], _ second: [xmlNodePtr]) throws -> Bool {
        let (few, many) = first.count < second.count ? (first, second) : (second, first)
        var known: [Int: xmlNodePtr] = [:]
        for node in few { known[try withText(of: node, Self.hash)] = node }
        for node in many {
            let isKnown = try withText(of: node) { text in
                guard let twin = known[Self.hash(text)] else { return false }
                return try withText(of: twin) { $0.elementsEqual(text) }
            }
            if isKnown { return true }
        }
        return false
    }

    private static func hash(_ text: UnsafeBufferPointer<UInt8>) -> Int {
        var hasher = Hasher()
        hasher.combine(bytes: UnsafeRawBufferPointer(text))
        return hasher.finalize()
    }
}

extension XPathOperator {
    func holds(_ left: Double, _ right: Double) -> Bool {
        switch self {
        case .equal: left == right
        case .unequal: left != right
        case .less: left < right
        case .lessOrEqual: left <= right
        case .greater: left > right
        case .greaterOrEqual: left >= right
        default: false
        }
    }

    fileprivate var mirrored: XPathOperator {
        switch self {
        case .less: .greater
        case .lessOrEqual: .greaterOrEqual
        case .greater: .less
        case .greaterOrEqual: .lessOrEqual
        default: self
        }
    }
}
