/// Reads the tokens of an XPath expression (XPath 1.0, section 3.7), one character at a time.
struct XPathScanner {
    private let scalars: [Unicode.Scalar]
    /// Unicode scalars read so far.
    private(set) var offset = 0
    /// Where the parentheses and brackets stand that are open.
    private var openings: [Int] = []

    init(_ source: String) {
        scalars = Array(source.unicodeScalars)
    }

    var count: Int { scalars.count }
    var isAtEnd: Bool { offset >= scalars.count }
    var nesting: Int { openings.count }

    func peek(_ ahead: Int = 0) -> Unicode.Scalar? {
        offset + ahead < scalars.count ? scalars[offset + ahead] : nil
    }

    mutating func skipSpace() {
        while let next = peek(), next.isXPathSpace { offset += 1 }
    }

    /// Takes `text` and the white space after it.
    mutating func take(_ text: StaticString) -> Bool {
        let isNext = text.withUTF8Buffer { bytes in
            bytes.enumerated().allSatisfy { peek($0.offset)?.value == UInt32($0.element) }
        }
        guard isNext else { return false }
        offset += text.utf8CodeUnitCount
        skipSpace()
        return true
    }

    mutating func open() throws {
        guard openings.count < XPathParser.maxNesting else {
            throw SelectorError(
                message: "expressions may be nested \(XPathParser.maxNesting) deep", offset: offset)
        }
        openings.append(offset)
        offset += 1
        skipSpace()
    }

    mutating func close(_ sign: Unicode.Scalar) throws {
        guard peek() == sign else { throw failure("expected \"\(sign)\", found \(found)") }
        openings.removeLast()
        offset += 1
        skipSpace()
    }

    /// At the end of the text what is missing is rather what closes the innermost bracket.
    func failure(_ message: String, at position: Int? = nil) -> SelectorError {
        if isAtEnd, position == nil, let open = openings.last {
            return SelectorError(message: "\"\(scalars[open])\" is never closed", offset: open)
        }
        return SelectorError(message: message, offset: position ?? offset)
    }

    /// What stands at the cursor, for messages.
    var found: String {
        guard let next = peek() else { return "the end" }
        return "\"\(next)\""
    }

    /// A name without colon; nil where none starts here. White space after it stays.
    mutating func name() -> String? {
        guard let first = peek(), first.isXPathNameStart else { return nil }
        let start = offset
        while let next = peek(), next.isXPathNameStart || next.isXPathDigit || next == "-" || next == "." {
            offset += 1
        }
        return String(String.UnicodeScalarView(scalars[start..<offset]))
    }

    /// Goes back to where a name was read.
    mutating func rewind(to offset: Int) {
        self.offset = offset
    }

    /// The cursor is on the quotation mark.
    mutating func literal() throws -> [UInt8] {
        let start = offset
        let quote = peek()
        offset += 1
        while let next = peek(), next != quote { offset += 1 }
        guard !isAtEnd else { throw SelectorError(message: "this string never ends", offset: start) }
        let text = String(String.UnicodeScalarView(scalars[(start + 1)..<offset]))
        offset += 1
        skipSpace()
        return Array(text.utf8)
    }

    /// Nil where no number starts here: digits, with a point anywhere among them.
    mutating func number() -> Double? {
        guard let first = peek(), first.isXPathDigit || (first == "." && peek(1)?.isXPathDigit == true) else {
            return nil
        }
        let start = offset
        while let next = peek(), next.isXPathDigit { offset += 1 }
        if peek() == "." {
            offset += 1
            while let next = peek(), next.isXPathDigit { offset += 1 }
        }
        var text = String(String.UnicodeScalarView(scalars[start..<offset]))
        if text.hasPrefix(".") { text = "0" + text }
        if text.hasSuffix(".") { text += "0" }
        skipSpace()
        return Double(text)
    }
}

extension Unicode.Scalar {
    fileprivate var isXPathSpace: Bool { self == " " || self == "\t" || self == "\n" || self == "\r" }

    fileprivate var isXPathDigit: Bool { ("0"..."9").contains(self) }

    fileprivate var isXPathNameStart: Bool {
        ("a"..."z").contains(self) || ("A"..."Z").contains(self) || self == "_" || value >= 0x80
    }
}
