internal import CLibXML

/// A compiled XPath expression. Not shared between threads: libxml2 writes into it while it evaluates.
final class XPathProgram {
    let source: String
    fileprivate let expression: xmlXPathCompExprPtr

    /// Throws ``SelectorError`` with the offset in Unicode scalars.
    init(_ source: String) throws {
        try XPathScreening.check(source)
        LibXMLSetup.prepareThread()
        let context = try XPathEvaluator()
        guard let compiled = context.compile(source) else { throw context.selectorError(in: source) }
        self.source = source
        expression = compiled
    }

    deinit {
        xmlXPathFreeCompExpr(expression)
    }
}

/// One thread's XPath context, moved from page to page.
final class XPathEvaluator {
    /// libxml2's own measure (nodes visited, operations): some seconds of CPU in one page, shared by all its evaluations.
    static let maxOperations: UInt = 50_000_000

    private let context: xmlXPathContextPtr

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

    /// Before the first evaluation on a page; the nodes are numbered, because sorting results would else be quadratic.
    func begin(_ page: borrowing PageTree) {
        xmlXPathOrderDocElems(page.document)
        context.pointee.doc = page.document
        context.pointee.opLimit = Self.maxOperations
        context.pointee.opCount = 0
    }

    func end() {
        context.pointee.doc = nil
        context.pointee.node = nil
    }

    /// Throws ``ExtractionError/failed(_:)``; the result is good until `body` returns.
    func evaluate(
        _ program: XPathProgram, at node: xmlNodePtr, body: (xmlXPathObjectPtr) throws -> Void
    ) throws {
        xmlResetError(&context.pointee.lastError)
        context.pointee.node = node
        context.pointee.depth = 0
        guard let result = xmlXPathCompiledEval(program.expression, context) else {
            throw ExtractionError.failed("XPath \(program.source): \(message)")
        }
        defer { xmlXPathFreeObject(result) }
        try body(result)
    }

    fileprivate func selectorError(in source: String) -> SelectorError {
        let bytes = Int(context.pointee.lastError.int1)
        let known = context.pointee.lastError.code != 0 && bytes >= 0 && bytes <= source.utf8.count
        let offset =
            known ? String(decoding: source.utf8.prefix(bytes), as: UTF8.self).unicodeScalars.count : nil
        return SelectorError(message: message, offset: offset)
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
