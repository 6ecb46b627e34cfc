/// A JSON text (RFC 8259) as a tree. Objects keep the order of their members, which is a job's order of fields.
indirect enum JSONValue: Hashable, Sendable {
    case null
    case bool(Bool)
    /// As written: numbers of any size survive.
    case number(String)
    case string(String)
    case array([JSONValue])
    case object([Member])

    struct Member: Hashable, Sendable {
        var name: String
        var value: JSONValue

        init(_ name: String, _ value: JSONValue) {
            self.name = name
            self.value = value
        }
    }

    subscript(name: String) -> JSONValue? {
        guard case .object(let members) = self else { return nil }
        return members.first { $0.name == name }?.value
    }

    var string: String? {
        guard case .string(let text) = self else { return nil }
        return text
    }

    /// Doubles are exact below it (RFC 8259 §6).
    private static let exactIntegers = 9_007_199_254_740_992.0

    /// A whole number that fits; `1.0` and, below 2^53, `1e3` count as whole.
    var int: Int? {
        guard case .number(let text) = self else { return nil }
        if let int = Int(Self.withoutZeroFraction(text)) { return int }
        guard let double = Double(text), double.magnitude < Self.exactIntegers else { return nil }
        return Int(exactly: double)
    }

    /// `text` without the point and the zeros it ends with; as it is where something else stands behind the point.
    static func withoutZeroFraction(_ text: String) -> Substring {
        guard let point = text.utf8.firstIndex(of: UInt8(ascii: ".")),
            text.utf8[text.utf8.index(after: point)...].allSatisfy({ $0 == UInt8(ascii: "0") })
        else { return text[...] }
        return text[..<point]
    }

    var double: Double? {
        guard case .number(let text) = self, let double = Double(text), double.isFinite else { return nil }
        return double
    }

    /// "an object", "a string", …: for messages.
    var kind: String {
        switch self {
        case .null: "null"
        case .bool: "a boolean"
        case .number: "a number"
        case .string: "a string"
        case .array: "an array"
        case .object: "an object"
        }
    }
}
