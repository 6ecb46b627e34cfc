/// What is wrong with a JSON text, and where.
struct JSONError: Error, Hashable, Sendable {
    var message: String
    /// Bytes before the offending one.
    var offset: Int
    /// Both from 1; the column counts bytes.
    var line: Int
    var column: Int
}

/// Reads one JSON text (RFC 8259): strict, in one pass, names unique, bounded depth.
struct JSONParser {
    /// Arrays and objects within each other: bounds the stack. No job needs more than ten.
    static let maxDepth = 64

    private let bytes: [UInt8]
    private var index = 0
    private var depth = 0

    static func parse(_ bytes: [UInt8]) throws(JSONError) -> JSONValue {
        var parser = JSONParser(bytes: bytes)
        // A byte order mark is ignored, as RFC 8259 §8.1 allows.
        if bytes.starts(with: [0xEF, 0xBB, 0xBF]) { parser.index = 3 }
        let value = try parser.parseValue()
        parser.skipSpace()
        if parser.index < bytes.count { throw parser.failure("something follows the JSON text") }
        return value
    }

    private init(bytes: [UInt8]) { self.bytes = bytes }

    private var byte: UInt8? { index < bytes.count ? bytes[index] : nil }

    private func failure(_ message: String, at offset: Int? = nil) -> JSONError {
        let offset = offset ?? index
        var line = 1
        var start = 0
        for position in 0..<min(offset, bytes.count) where bytes[position] == UInt8(ascii: "\n") {
            line += 1
            start = position + 1
        }
        return JSONError(message: message, offset: offset, line: line, column: offset - start + 1)
    }

    private mutating func skipSpace() {
        while let byte, byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 { index += 1 }
    }

    private mutating func parseValue() throws(JSONError) -> JSONValue {
        skipSpace()
        guard let byte else { throw failure("the text ends where a value must stand") }
        switch byte {
        case UInt8(ascii: "{"): return try nested { parser throws(JSONError) in try parser.parseObject() }
        case UInt8(ascii: "["): return try nested { parser throws(JSONError) in try parser.parseArray() }
        case UInt8(ascii: "\""): return .string(try parseString())
        case UInt8(ascii: "t"): return try parseWord("true", .bool(true))
        case UInt8(ascii: "f"): return try parseWord("false", .bool(false))
        case UInt8(ascii: "n"): return try parseWord("null", .null)
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): return try parseNumber()
        default: throw failure("no JSON value begins like this")
        }
    }

    private mutating func nested(
        _ body: (inout JSONParser) throws(JSONError) -> JSONValue
    ) throws(JSONError) -> JSONValue {
        depth += 1
        if depth > Self.maxDepth { throw failure("nested deeper than \(Self.maxDepth) levels") }
        let value = try body(&self)
        depth -= 1
        return value
    }

    private mutating func parseObject() throws(JSONError) -> JSONValue {
        index += 1
        var members: [JSONValue.Member] = []
        var names: Set<String> = []
        skipSpace()
        if byte == UInt8(ascii: "}") {
            index += 1
            return .object([])
        }
        while true {
            skipSpace()
            guard byte == UInt8(ascii: "\"") else { throw failure("a member's name must be a string") }
            let start = index
            let name = try parseString()
            guard names.insert(name).inserted else {
                throw failure("the name \"\(name)\" stands twice", at: start)
            }
            skipSpace()
            guard byte == UInt8(ascii: ":") else { throw failure("a colon must follow the name") }
            index += 1
            members.append(JSONValue.Member(name, try parseValue()))
            skipSpace()
            if byte == UInt8(ascii: ",") {
                index += 1
            } else if byte == UInt8(ascii: "}") {
                index += 1
                return .object(members)
            } else {
                throw failure("a comma or a closing brace must follow the member")
            }
        }
    }

    private mutating func parseArray() throws(JSONError) -> JSONValue {
        index += 1
        var elements: [JSONValue] = []
        skipSpace()
        if byte == UInt8(ascii: "]") {
            index += 1
            return .array([])
        }
        while true {
            elements.append(try parseValue())
            skipSpace()
            if byte == UInt8(ascii: ",") {
                index += 1
            } else if byte == UInt8(ascii: "]") {
                index += 1
                return .array(elements)
            } else {
                throw failure("a comma or a closing bracket must follow the element")
            }
        }
    }

    private mutating func parseWord(_ word: StaticString, _ value: JSONValue) throws(JSONError) -> JSONValue {
        let end = index + word.utf8CodeUnitCount
        let matches =
            end <= bytes.count
            && word.withUTF8Buffer { $0.elementsEqual(bytes[index..<end]) }
        guard matches else { throw failure("no JSON value begins like this") }
        index = end
        return value
    }

    private mutating func digits() -> Int {
        let start = index
        while let byte, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) { index += 1 }
        return index - start
    }

    private mutating func parseNumber() throws(JSONError) -> JSONValue {
        let start = index
        if byte == UInt8(ascii: "-") { index += 1 }
        let first = byte
        let whole = digits()
        guard whole > 0, whole == 1 || first != UInt8(ascii: "0") else {
            throw failure("not a JSON number", at: start)
        }
        if byte == UInt8(ascii: ".") {
            index += 1
            guard digits() > 0 else { throw failure("not a JSON number", at: start) }
        }
        if byte == UInt8(ascii: "e") || byte == UInt8(ascii: "E") {
            index += 1
            if byte == UInt8(ascii: "+") || byte == UInt8(ascii: "-") { index += 1 }
            guard digits() > 0 else { throw failure("not a JSON number", at: start) }
        }
        return .number(String(decoding: bytes[start..<index], as: UTF8.self))
    }

    private mutating func parseString() throws(JSONError) -> String {
        let opening = index
        index += 1
        var text: [UInt8] = []
        while let byte {
            switch byte {
            case UInt8(ascii: "\""):
                index += 1
                guard let string = String(validating: text, as: UTF8.self) else {
                    throw failure("the string is not UTF-8", at: opening)
                }
                return string
            case UInt8(ascii: "\\"):
                text.append(contentsOf: Array(String(try parseEscape()).utf8))
            case 0..<0x20:
                throw failure("a control character must be escaped in a string")
            default:
                text.append(byte)
                index += 1
            }
        }
        throw failure("the string does not end", at: opening)
    }

    private mutating func parseEscape() throws(JSONError) -> Unicode.Scalar {
        let start = index
        index += 1
        guard let byte else { throw failure("the string does not end", at: start) }
        index += 1
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): return Unicode.Scalar(byte)
        case UInt8(ascii: "b"): return "\u{08}"
        case UInt8(ascii: "f"): return "\u{0C}"
        case UInt8(ascii: "n"): return "\n"
        case UInt8(ascii: "r"): return "\r"
        case UInt8(ascii: "t"): return "\t"
        case UInt8(ascii: "u"): return try parseUnicodeEscape(from: start)
        default: throw failure("unknown escape", at: start)
        }
    }

    private mutating func parseUnicodeEscape(from start: Int) throws(JSONError) -> Unicode.Scalar {
        let unit = try parseHex(from: start)
        if let scalar = Unicode.Scalar(unit) { return scalar }
        guard unit < 0xDC00, byte == UInt8(ascii: "\\"), index + 1 < bytes.count,
            bytes[index + 1] == UInt8(ascii: "u")
        else { throw failure("a lone surrogate is no character", at: start) }
        index += 2
        let low = try parseHex(from: start)
        guard (0xDC00...0xDFFF).contains(low),
            let scalar = Unicode.Scalar(0x10000 + ((unit - 0xD800) << 10) + (low - 0xDC00))
        else { throw failure("a lone surrogate is no character", at: start) }
        return scalar
    }

    private mutating func parseHex(from start: Int) throws(JSONError) -> UInt32 {
        guard index + 4 <= bytes.count,
            bytes[index..<index + 4].allSatisfy({ Character(Unicode.Scalar($0)).isHexDigit }),
            let unit = UInt32(String(decoding: bytes[index..<index + 4], as: UTF8.self), radix: 16)
        else { throw failure("\\u needs four hexadecimal digits", at: start) }
        index += 4
        return unit
    }
}
