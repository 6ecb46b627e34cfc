/// Text and JSON values read as a field's type. Numbers are what programs write, not what people write: "12.5" and
/// "-1e3", no separators of thousands, no comma for a point, no unit; `match` takes the number out of its surroundings.
enum FieldConversion {
    /// Readers of JSON in wide use refuse integers with more than 4,300 digits; no page counts that far.
    static let maxNumberLength = 1000

    private static let words: [String: Bool] = [
        "true": true, "false": false, "yes": true, "no": false, "on": true, "off": false, "1": true,
        "0": false,
    ]

    /// Nil: `text` cannot be read as the type. A reference to be resolved stays as it is written.
    static func value(of text: String, as type: FieldType) -> FieldValue? {
        if type == .text { return .text(text) }
        let text = trimmed(text)
        switch type {
        case .text: return .text(text)
        case .number: return number(text).map(FieldValue.number)
        case .integer: return integer(text).map(FieldValue.number)
        case .boolean: return words[text.lowercased()].map(FieldValue.boolean)
        case .url: return text.isEmpty ? nil : .text(text)
        case .json: return (try? JSONDocument(Array(text.utf8)).value(of: 0)).map(FieldValue.init)
        }
    }

    /// Nil: the value cannot be read as the type. A JSON null is null whatever the type.
    static func value(of json: JSONValue, as type: FieldType, trimmed: Bool) -> FieldValue? {
        if json == .null { return .null }
        switch (type, json) {
        case (.json, _): return FieldValue(json)
        case (.boolean, .bool(let flag)): return .boolean(flag)
        case (.integer, .number(let text)): return wholeNumber(text).map(FieldValue.number)
        case (.text, .bool), (.text, .number): return text(of: .json(json)).map(FieldValue.text)
        case (.number, .number(let text)), (.boolean, .number(let text)): return value(of: text, as: type)
        case (.text, .array), (.text, .object): return .text(String(decoding: json.bytes, as: UTF8.self))
        case (_, .string(let text)): return value(of: trimmed ? Self.trimmed(text) : text, as: type)
        default: return nil
        }
    }

    /// What `match` is looked for in; nil: null, an array or an object has no text.
    static func text(of match: FieldMatch) -> String? {
        switch match {
        case .text(let text), .json(.string(let text)), .json(.number(let text)): text
        case .json(.bool(let flag)): flag ? "true" : "false"
        case .json: nil
        }
    }

    /// Without Unicode white space at both ends.
    static func trimmed(_ text: String) -> String {
        let scalars = text.unicodeScalars
        guard let first = scalars.firstIndex(where: { !$0.properties.isWhitespace }),
            let last = scalars.lastIndex(where: { !$0.properties.isWhitespace })
        else { return "" }
        return String(scalars[first...last])
    }

    // MARK: Numbers

    /// An integer as JSON writes it, all its digits kept; nil: `text` is none.
    private static func integer(_ text: String) -> String? {
        let number = WrittenNumber(text)
        guard let number, number.fraction == nil, number.exponent.isEmpty else { return nil }
        return number.json == "-0" ? "0" : number.json
    }

    /// The same of a JSON number, which may be written with a fraction or an exponent: 5.0 and 1e3 are whole.
    private static func wholeNumber(_ text: String) -> String? {
        integer(String(JSONValue.withoutZeroFraction(text))) ?? JSONValue.number(text).int.map(String.init)
    }

    /// A number as JSON writes it, its digits kept; nil: `text` is none, or one that no double can hold.
    private static func number(_ text: String) -> String? {
        guard let json = WrittenNumber(text)?.json, let double = Double(json), double.isFinite else {
            return nil
        }
        return json
    }

    /// An optional sign, digits with an optional point before, among or behind them, an optional exponent.
    private struct WrittenNumber {
        var isNegative = false
        var whole: Substring
        /// Nil: there is no point.
        var fraction: Substring?
        /// From its letter on, or empty.
        var exponent: Substring = ""

        init?(_ text: String) {
            guard text.utf8.count <= FieldConversion.maxNumberLength else { return nil }
            var rest = text[...]
            // Typographers write a minus sign where programmers write a hyphen.
            if let sign = rest.unicodeScalars.first, sign == "-" || sign == "+" || sign == "\u{2212}" {
                isNegative = sign != "+"
                rest.unicodeScalars.removeFirst()
            }
            whole = Self.digits(&rest)
            if rest.utf8.first == UInt8(ascii: ".") {
                rest.unicodeScalars.removeFirst()
                fraction = Self.digits(&rest)
            }
            guard !whole.isEmpty || fraction?.isEmpty == false else { return nil }
            if let letter = rest.utf8.first, letter | 0x20 == UInt8(ascii: "e") {
                exponent = rest
                rest.unicodeScalars.removeFirst()
                if let sign = rest.utf8.first, sign == UInt8(ascii: "-") || sign == UInt8(ascii: "+") {
                    rest.unicodeScalars.removeFirst()
                }
                if Self.digits(&rest).isEmpty { return nil }
            }
            guard rest.isEmpty else { return nil }
        }

        private static func digits(_ rest: inout Substring) -> Substring {
            let found = rest.utf8.prefix { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
            defer { rest = rest[found.endIndex...] }
            return rest[..<found.endIndex]
        }

        /// RFC 8259 §6: no plus, no leading zeros, digits on both sides of a point.
        var json: String {
            let significant = whole.drop { $0 == "0" }
            let fraction = fraction.map { $0.isEmpty ? "" : ".\($0)" } ?? ""
            return (isNegative ? "-" : "") + (significant.isEmpty ? "0" : significant) + fraction + exponent
        }
    }
}

extension FieldValue {
    init(_ json: JSONValue) {
        switch json {
        case .null: self = .null
        case .bool(let flag): self = .boolean(flag)
        case .number(let text): self = .number(text)
        case .string(let text): self = .text(text)
        case .array(let elements): self = .list(elements.map(FieldValue.init))
        case .object(let members):
            self = .object(members.map { Member(name: $0.name, value: FieldValue($0.value)) })
        }
    }
}
