internal import CLibXML

/// The core library (XPath 1.0, section 4), by what it gives.
extension XPathEvaluator {
    func measure(
        _ function: XPathFunction, _ arguments: [XPathExpression], in context: XPathContext
    ) throws -> Double {
        switch function {
        case .last: return Double(context.size)
        case .position: return Double(context.position)
        case .count: return Double(try nodes(arguments[0], in: context).count)
        case .sum:
            return try nodes(arguments[0], in: context).reduce(0) {
                $0 + (try withText(of: $1, XPathNumber.parse))
            }
        case .stringLength:
            return Double(try withArgument(arguments, in: context, XPathText.length))
        case .number:
            return try arguments.first.map { try number($0, in: context) }
                ?? withText(of: context.node, XPathNumber.parse)
        case .floor: return try number(arguments[0], in: context).rounded(.down)
        case .ceiling: return try number(arguments[0], in: context).rounded(.up)
        case .round: return Self.round(try number(arguments[0], in: context))
        default: return .nan
        }
    }

    /// Halves go up.
    private static func round(_ number: Double) -> Double {
        let down = number.rounded(.down)
        return number - down < 0.5 ? down : down + 1
    }

    func truth(
        _ function: XPathFunction, _ arguments: [XPathExpression], in context: XPathContext
    ) throws -> Bool {
        switch function {
        case .yes: return true
        case .boolean: return try boolean(arguments[0], in: context)
        case .not: return try !boolean(arguments[0], in: context)
        case .contains:
            return try withPair(arguments, in: context) { XPathText.find($1, in: $0) != nil }
        case .startsWith:
            return try withPair(arguments, in: context) { $0.starts(with: $1) }
        case .lang: return try isLanguage(arguments[0], of: context)
        default: return false
        }
    }

    func text(
        _ function: XPathFunction, _ arguments: [XPathExpression], in context: XPathContext
    ) throws -> [UInt8] {
        switch function {
        case .string: return try withArgument(arguments, in: context) { Array($0) }
        case .normalizeSpace: return try withArgument(arguments, in: context, XPathText.normalizeSpace)
        case .name, .localName: return try name(arguments, in: context)
        case .concat: return try concatenated(arguments, in: context)
        case .substringBefore:
            return try withPair(arguments, in: context) { text, part in
                XPathText.find(part, in: text).map { Array(text[..<$0]) } ?? []
            }
        case .substringAfter:
            return try withPair(arguments, in: context) { text, part in
                XPathText.find(part, in: text).map { Array(text[($0 + part.count)...]) } ?? []
            }
        case .substring: return try substring(arguments, in: context)
        case .translate:
            return try withText(arguments[2], in: context) { to in
                try withPair(arguments, in: context) { text, from in
                    // Character by character, through a table.
                    try budget.pointee.spend((text.count + from.count) / 4)
                    return XPathText.translate(text, from: from, to: to)
                }
            }
        default: return []
        }
    }

    /// The argument's text or, where none is given, the context node's.
    private func withArgument<Result>(
        _ arguments: [XPathExpression], in context: XPathContext,
        _ body: (UnsafeBufferPointer<UInt8>) throws -> Result
    ) throws -> Result {
        guard let argument = arguments.first else { return try withText(of: context.node, body) }
        return try withText(argument, in: context, body)
    }

    private func withPair<Result>(
        _ arguments: [XPathExpression], in context: XPathContext,
        _ body: (UnsafeBufferPointer<UInt8>, UnsafeBufferPointer<UInt8>) throws -> Result
    ) throws -> Result {
        try withText(arguments[0], in: context) { first in
            try withText(arguments[1], in: context) { second in try body(first, second) }
        }
    }

    private func substring(_ arguments: [XPathExpression], in context: XPathContext) throws -> [UInt8] {
        let start = Self.round(try number(arguments[1], in: context))
        var end = Double.infinity
        if arguments.count == 3 { end = start + Self.round(try number(arguments[2], in: context)) }
        return try withText(arguments[0], in: context) { XPathText.substring($0, from: start, to: end) }
    }

    private func concatenated(_ arguments: [XPathExpression], in context: XPathContext) throws -> [UInt8] {
        var result: [UInt8] = []
        for argument in arguments {
            try withText(argument, in: context) { result.append(contentsOf: $0) }
            guard result.count <= Self.maxStringBytes else {
                throw ExtractionError.exhausted("concat() makes more than \(Self.maxStringBytes >> 20) MiB")
            }
        }
        return result
    }

    private func name(_ arguments: [XPathExpression], in context: XPathContext) throws -> [UInt8] {
        let node =
            try arguments.first.map { try nodes($0, in: context, wanted: .first).first } ?? context.node
        guard let node, node.isElement || node.isAttribute || node.pointee.type == XML_PI_NODE,
            let name = node.pointee.name
        else { return [] }
        let text = UnsafeBufferPointer(cString: XMLText(name))
        try budget.pointee.spend(bytes: text.count)
        return Array(text)
    }

    /// By the nearest `lang` (in XML pages `xml:lang`, whose prefix is dropped), as `:lang()` does.
    private func isLanguage(_ argument: XPathExpression, of context: XPathContext) throws -> Bool {
        let wanted = try string(argument, in: context)
        var node: xmlNodePtr? = context.node
        while let current = node {
            try budget.pointee.spend()
            if current.isElement, let attribute = current.attribute(MarkupNames.lang) {
                return try withText(of: attribute.node) { own in
                    own.count >= wanted.count
                        && zip(own, wanted).allSatisfy { Self.lowered($0) == Self.lowered($1) }
                        && (own.count == wanted.count || own[wanted.count] == UInt8(ascii: "-"))
                }
            }
            node = current.pointee.parent
        }
        return false
    }

    private static func lowered(_ byte: UInt8) -> UInt8 { (0x41...0x5A).contains(byte) ? byte + 32 : byte }
}
