internal import CLibXML

enum XPathValue {
    /// In the order of the page, each once.
    case nodes([xmlNodePtr])
    /// UTF-8.
    case string([UInt8])
    case number(Double)
    case boolean(Bool)
}

/// What a predicate is asked about (XPath 1.0, section 1).
struct XPathContext {
    var node: xmlNodePtr
    var position = 1
    var size = 1
}

/// Evaluates XPath expressions on one page's tree. libxml2's own evaluator compares sets of nodes by all with all and
/// cannot be stopped while it does; here every node looked at is charged, so any expression can be given up.
///
/// All throw ``ExtractionError/exhausted(_:)``.
struct XPathEvaluator {
    /// A string longer than this is given up: `concat()` may repeat the text of a page.
    static let maxStringBytes = 64 << 20

    let page: xmlNodePtr
    let budget: UnsafeMutablePointer<SelectorBudget>

    func evaluate(_ expression: XPathExpression, in context: XPathContext) throws -> XPathValue {
        switch expression.kind {
        case .nodes: .nodes(try nodes(expression, in: context))
        case .string: .string(try string(expression, in: context))
        case .number: .number(try number(expression, in: context))
        case .boolean: .boolean(try boolean(expression, in: context))
        }
    }

    /// How many nodes whoever asks wants to see.
    enum Wanted {
        case all, first, any
    }

    func nodes(
        _ expression: XPathExpression, in context: XPathContext, wanted: Wanted = .all
    ) throws -> [xmlNodePtr] {
        switch expression {
        case .path(let path):
            return try nodes(path, in: context, wanted: wanted)
        case .union(let operands):
            var found: [xmlNodePtr] = []
            for operand in operands {
                found += try nodes(operand, in: context, wanted: wanted)
                if wanted == .any, !found.isEmpty { return found }
            }
            try budget.pointee.spend(found.count)
            NodeOrder.sort(&found, in: page)
            return found
        case .call(.id, let arguments):
            return try identified(by: arguments[0], in: context)
        default:
            return []
        }
    }

    // MARK: Conversions (sections 4.2, 4.3, 4.4)

    func boolean(_ expression: XPathExpression, in context: XPathContext) throws -> Bool {
        switch expression {
        case .chain(let first, let links) where expression.kind == .boolean:
            return try condition(first, links, in: context)
        case .call(let function, let arguments) where function.signature.result == .boolean:
            return try truth(function, arguments, in: context)
        default:
            break
        }
        switch expression.kind {
        case .nodes:
            return try !nodes(expression, in: context, wanted: .any).isEmpty
        case .string:
            return try !string(expression, in: context).isEmpty
        case .number, .boolean:
            let number = try number(expression, in: context)
            return number != 0 && !number.isNaN
        }
    }

    func number(_ expression: XPathExpression, in context: XPathContext) throws -> Double {
        switch expression {
        case .number(let value):
            return value
        case .negated(let operand):
            return -(try number(operand, in: context))
        case .chain(let first, let links) where expression.kind == .number:
            return try sum(first, links, in: context)
        case .call(let function, let arguments) where function.signature.result == .number:
            return try measure(function, arguments, in: context)
        default:
            break
        }
        if expression.kind == .boolean { return try boolean(expression, in: context) ? 1 : 0 }
        return try withText(expression, in: context) { XPathNumber.parse($0) }
    }

    func string(_ expression: XPathExpression, in context: XPathContext) throws -> [UInt8] {
        switch expression {
        case .literal(let bytes):
            return bytes
        case .call(let function, let arguments) where function.signature.result == .string:
            return try text(function, arguments, in: context)
        default:
            break
        }
        switch expression.kind {
        case .nodes:
            guard let first = try nodes(expression, in: context, wanted: .first).first else { return [] }
            return try withText(of: first) { Array($0) }
        case .number:
            return Array(XPathNumber.text(try number(expression, in: context)).utf8)
        case .string, .boolean:
            return try boolean(expression, in: context) ? Array("true".utf8) : Array("false".utf8)
        }
    }

    /// The string an expression gives, without a copy where it is the text of one node. It is charged, as that text is.
    func withText<Result>(
        _ expression: XPathExpression, in context: XPathContext,
        _ body: (UnsafeBufferPointer<UInt8>) throws -> Result
    ) throws -> Result {
        if expression.kind == .nodes,
            let first = try nodes(expression, in: context, wanted: .first).first
        {
            return try withText(of: first, body)
        }
        let string = expression.kind == .nodes ? [] : try string(expression, in: context)
        try budget.pointee.spend(bytes: string.count)
        return try string.withUnsafeBufferPointer(body)
    }

    // MARK: Operators

    private func sum(
        _ first: XPathExpression, _ links: [XPathExpression.Link], in context: XPathContext
    ) throws -> Double {
        var result = try number(first, in: context)
        for link in links {
            try budget.pointee.spend()
            let operand = try number(link.operand, in: context)
            switch link.operation {
            case .plus: result += operand
            case .minus: result -= operand
            case .times: result *= operand
            case .divided: result /= operand
            default: result = result.truncatingRemainder(dividingBy: operand)
            }
        }
        return result
    }

    private func condition(
        _ first: XPathExpression, _ links: [XPathExpression.Link], in context: XPathContext
    ) throws -> Bool {
        try budget.pointee.spend(links.count)
        switch links[0].operation {
        case .or:
            if try boolean(first, in: context) { return true }
            for link in links where try boolean(link.operand, in: context) { return true }
            return false
        case .and:
            guard try boolean(first, in: context) else { return false }
            for link in links where try !boolean(link.operand, in: context) { return false }
            return true
        default:
            var left = try evaluate(first, in: context)
            for link in links {
                let right = try evaluate(link.operand, in: context)
                left = .boolean(try compare(left, link.operation, right))
            }
            guard case .boolean(let result) = left else { return false }
            return result
        }
    }
}
