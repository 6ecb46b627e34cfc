internal import CLibXML

/// A compiled XPath expression. Not shared between threads: libxml2 writes into it while it evaluates.
final class XPathProgram {
    struct Operand {
        let source: String
        let isQuadratic: Bool
        fileprivate let expression: xmlXPathCompExprPtr
    }

    /// The operands of the outermost `|`; mostly one.
    private(set) var operands: [Operand] = []

    /// Throws ``SelectorError`` with the offset in Unicode scalars.
    init(_ syntax: XPathSyntax) throws {
        LibXMLSetup.prepareThread()
        let context = try XPathEvaluator()
        for operand in syntax.operands {
            guard let compiled = context.compile(operand.source) else {
                throw context.selectorError(in: operand)
            }
            operands.append(
                Operand(source: operand.source, isQuadratic: operand.isQuadratic, expression: compiled))
        }
        try tryOut(with: context)
    }

    /// libxml2 sees a wrong type, `count('x')`, only when it evaluates: better at submission than on every
    /// page.
    private func tryOut(with context: XPathEvaluator) throws {
        let page = try PageTree(PageText("<p>x</p>"), isXML: false)
        context.begin(page)
        defer { context.end() }
        for operand in operands {
            do {
                try context.evaluate(operand, at: page.top) { result in
                    if operands.count > 1, result.pointee.type != XPATH_NODESET {
                        throw SelectorError(message: "\"|\" joins node sets only", offset: nil)
                    }
                }
            } catch let error as ExtractionError {
                guard case .failed(let message) = error else { throw error }
                throw SelectorError(message: message, offset: nil)
            }
        }
    }

    deinit {
        for operand in operands { xmlXPathFreeCompExpr(operand.expression) }
    }
}

/// One thread's XPath context, moved from page to page.
final class XPathEvaluator {
    /// libxml2's own measure (nodes visited, operations): some seconds of CPU in one page, shared by all its
    /// evaluations.
    static let maxOperations: UInt = 50_000_000
    /// Comparisons between nodes in one page, some ten seconds at the very worst: for each operation libxml2
    /// may look through a node set as large as the page, which its own measure does not see.
    static let maxComparisons: UInt = 20_000_000_000

    /// Bytes of string values that an operation takes on average in one page, in all some seconds: elements
    /// inside one another repeat their text, and `contains(., …)` on each copies it every time.
    static let maxTextBytes: UInt = 4_000_000_000

    private let context: xmlXPathContextPtr
    private var elementCount: UInt = 1
    private var maxOperationsHere = XPathEvaluator.maxOperations

    init() throws {
        guard let context = xmlXPathNewContext(nil) else {
            throw ExtractionError.failed("no memory for XPath")
        }
        self.context = context
        // Errors are read from the context; without a handler libxml2 would print them.
        context.pointee.error = { _, _ in }
    }

    deinit {
        xmlXPathFreeContext(context)
    }

    fileprivate func compile(_ source: String) -> xmlXPathCompExprPtr? {
        xmlXPathCtxtCompile(context, source)
    }

    /// Before the first evaluation on a page; the nodes are numbered, because sorting results would else be
    /// quadratic.
    func begin(_ page: borrowing PageTree) {
        elementCount = UInt(max(1, xmlXPathOrderDocElems(page.document)))
        let textBytes = max(1, Self.repeatedTextBytes(page.top))
        let share = Self.maxTextBytes.multipliedReportingOverflow(by: elementCount).partialValue / textBytes
        maxOperationsHere = min(Self.maxOperations, share)
        context.pointee.doc = page.document
        context.pointee.opCount = 0
    }

    /// The string values of all elements together.
    private static func repeatedTextBytes(_ top: xmlNodePtr) -> UInt {
        var total: UInt = 0
        var depth: UInt = 1
        var node = top.firstChildOfTree
        while var current = node {
            if current.isText, let content = current.pointee.content {
                total += depth * UInt(UnsafeBufferPointer(cString: XMLText(content)).count)
            }
            if let child = current.firstChildOfTree {
                depth += 1
                node = child
                continue
            }
            while current.pointee.next == nil, let parent = current.pointee.parent, parent != top {
                current = parent
                depth -= 1
            }
            node = current.pointee.next
        }
        return total
    }

    func end() {
        context.pointee.doc = nil
        context.pointee.node = nil
    }

    /// Throws ``ExtractionError/failed(_:)``; the result is good until `body` returns.
    func evaluate(
        _ operand: XPathProgram.Operand, at node: xmlNodePtr, body: (xmlXPathObjectPtr) throws -> Void
    ) throws {
        xmlResetError(&context.pointee.lastError)
        context.pointee.node = node
        context.pointee.depth = 0
        context.pointee.opLimit =
            operand.isQuadratic
            ? min(maxOperationsHere, Self.maxComparisons / elementCount) : maxOperationsHere
        guard let result = xmlXPathCompiledEval(operand.expression, context) else {
            throw ExtractionError.failed("XPath \(operand.source): \(message)")
        }
        defer { xmlXPathFreeObject(result) }
        try body(result)
    }

    fileprivate func selectorError(in operand: XPathSyntax.Operand) -> SelectorError {
        let bytes = Int(context.pointee.lastError.int1)
        let source = operand.source.utf8
        guard context.pointee.lastError.code != 0, bytes >= 0, bytes <= source.count else {
            return SelectorError(message: message, offset: nil)
        }
        let before = String(decoding: source.prefix(bytes), as: UTF8.self).unicodeScalars.count
        return SelectorError(message: message, offset: operand.offset + before)
    }

    private var message: String {
        let code = context.pointee.lastError.code - Int32(XML_XPATH_EXPRESSION_OK.rawValue)
        return Self.messages[code] ?? "this is no XPath 1.0 expression"
    }

    /// By `xmlXPathError`.
    private static let messages: [Int32: String] = [
        Int32(XPATH_NUMBER_ERROR.rawValue): "a number is malformed",
        Int32(XPATH_UNFINISHED_LITERAL_ERROR.rawValue): "a string never ends",
        Int32(XPATH_START_LITERAL_ERROR.rawValue): "a string is expected here",
        Int32(XPATH_INVALID_PREDICATE_ERROR.rawValue):
            "the predicate in brackets is malformed or never closed",
        Int32(XPATH_EXPR_ERROR.rawValue): "an expression is expected here, or what stands here is too much",
        Int32(XPATH_UNCLOSED_ERROR.rawValue): "a parenthesis is never closed",
        Int32(XPATH_UNKNOWN_FUNC_ERROR.rawValue): "there is no such XPath 1.0 function",
        Int32(XPATH_INVALID_OPERAND.rawValue): "an operand is of the wrong kind",
        Int32(XPATH_INVALID_TYPE.rawValue): "a function or operator is given a value of the wrong type",
        Int32(XPATH_INVALID_ARITY.rawValue): "a function is given the wrong number of arguments",
        Int32(XPATH_INVALID_CHAR_ERROR.rawValue): "a character is not allowed",
        Int32(XPATH_OP_LIMIT_EXCEEDED.rawValue): "the expression takes too many steps on this page",
        Int32(XPATH_RECURSION_LIMIT_EXCEEDED.rawValue): "the expression is nested too deeply",
    ]
}
