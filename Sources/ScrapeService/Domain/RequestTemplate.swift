/// Text with places that values are filled into.
struct TextTemplate: Hashable, Sendable, Codable {
    /// How a value stands in the text.
    enum Encoding: String, Sendable, Codable {
        case plain
        /// In a URL: all but the unreserved characters percent-encoded (RFC 3986 §2.3).
        case percent
        /// In a header field: without control characters.
        case fieldValue
        /// Between the quotes of a JSON string.
        case jsonString
        /// As a JSON value: a number where it is an integer's text, else a string.
        case jsonValue

        /// How much longer a value of printable characters may become.
        var bytesPerByte: Int {
            switch self {
            case .plain, .fieldValue: 1
            case .jsonString, .jsonValue: 2
            case .percent: 3
            }
        }
    }

    struct Place: Hashable, Sendable, Codable {
        var name: String
        var encoding: Encoding
    }

    /// The text around the places: always one more than those.
    private(set) var literals = [""]
    private(set) var places: [Place] = []

    mutating func append(_ text: String) { literals[literals.count - 1] += text }

    mutating func append(_ place: Place) {
        places.append(place)
        literals.append("")
    }

    /// Bytes of the longest text that comes of values no longer than `longest` says, by name.
    func maxBytes(_ longest: [String: Int]) -> Int {
        let written = literals.reduce(0) { $0 + $1.utf8.count }
        return places.reduce(written) { $0 + (longest[$1.name] ?? 0) * $1.encoding.bytesPerByte }
    }

    /// What is not in `values` is left empty.
    func text(with values: [String: String]) -> String {
        var text = literals[0]
        for (place, literal) in zip(places, literals.dropFirst()) {
            text += Self.encode(values[place.name] ?? "", place.encoding)
            text += literal
        }
        return text
    }

    /// Of the text before anything in it is encoded: to be asked before it is made.
    func bytes(with values: [String: String]) -> Int {
        literals.reduce(0) { $0 + $1.utf8.count }
            + places.reduce(0) { $0 + (values[$1.name]?.utf8.count ?? 0) }
    }

    private static func encode(_ value: String, _ encoding: Encoding) -> String {
        switch encoding {
        case .plain: value
        case .percent: percentEncoded(value)
        case .fieldValue:
            String(String.UnicodeScalarView(value.unicodeScalars.filter { !isControl($0) }))
        case .jsonString: jsonEscaped(value)
        case .jsonValue: isInteger(value) ? value : "\"" + jsonEscaped(value) + "\""
        }
    }

    private static func isControl(_ character: Unicode.Scalar) -> Bool {
        character.value < 0x20 || character.value == 0x7F
    }

    private static func percentEncoded(_ value: String) -> String {
        let digits = Array("0123456789ABCDEF".unicodeScalars)
        var text = String.UnicodeScalarView()
        for byte in value.utf8 {
            switch byte {
            case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2D, 0x2E, 0x5F, 0x7E:
                text.append(Unicode.Scalar(byte))
            default: text.append(contentsOf: ["%", digits[Int(byte >> 4)], digits[Int(byte & 15)]])
            }
        }
        return String(text)
    }

    /// RFC 8259 §7
    private static func jsonEscaped(_ value: String) -> String {
        var text = String.UnicodeScalarView()
        for character in value.unicodeScalars {
            if character == "\"" || character == "\\" {
                text.append(contentsOf: ["\\", character])
            } else if character.value < 0x20 {
                let hex = String(character.value, radix: 16)
                text.append(
                    contentsOf: ("\\u" + String(repeating: "0", count: 4 - hex.count) + hex).unicodeScalars)
            } else {
                text.append(character)
            }
        }
        return String(text)
    }

    /// As JSON writes integers: no plus, no leading zeros.
    private static func isInteger(_ value: String) -> Bool {
        let digits = value.utf8.first == 0x2D ? value.utf8.dropFirst() : value.utf8[...]
        guard let first = digits.first, digits.allSatisfy({ 0x30...0x39 ~= $0 }) else { return false }
        return first != 0x30 || value == "0"
    }
}

/// How pages are asked for, where that is not with a plain GET.
struct RequestTemplate: Hashable, Sendable, Codable {
    struct Header: Hashable, Sendable, Codable {
        var name: String
        var value: TextTemplate
    }

    /// RFC 9110 §9.3.
    var method: String
    var headers: [Header] = []
    var body: TextTemplate?

    func request(with values: [String: String]) -> PageRequest {
        PageRequest(
            method: method,
            headers: headers.map { HeaderField(name: $0.name, value: $0.value.text(with: values)) },
            body: body?.text(with: values))
    }

    /// As ``TextTemplate/bytes(with:)``, of headers and body.
    func bytes(with values: [String: String]) -> Int {
        headers.reduce(body?.bytes(with: values) ?? 0) { $0 + $1.value.bytes(with: values) }
    }

    /// Bytes of header fields and body that come of values no longer than `longest` says, by name.
    func maxBytes(_ longest: [String: Int]) -> Int {
        headers.reduce(body?.maxBytes(longest) ?? 0) {
            $0 + $1.name.utf8.count + $1.value.maxBytes(longest)
        }
    }

    /// Each name that something is filled in for.
    var names: Set<String> {
        Set((headers.map(\.value) + [body].compactMap(\.self)).flatMap(\.places).map(\.name))
    }
}

extension FollowRule {
    /// What a match of ``links`` fills into ``url`` and ``request``.
    static let placeholder = "link"
}
