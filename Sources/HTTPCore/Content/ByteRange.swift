/// What a `Range` field asks of content of a known length (RFC 9110, section 14.2).
///
/// Several ranges count as none: the whole is sent, which a server may always do, and nobody can ask for a thousand
/// overlapping parts (section 17.15). So do other units, and what is no range by the grammar.
enum ByteRange: Hashable, Sendable {
    case whole
    case part(Range<Int>)
    /// 416: it begins behind the last byte.
    case unsatisfiable

    init(_ field: String?, length: Int) {
        guard let field, let spec = Self.onlySpec(field), let range = Self.range(spec, length: length) else {
            self = .whole
            return
        }
        self = range
    }

    /// The one range of `bytes=`, empty elements left out.
    private static func onlySpec(_ field: String) -> Substring? {
        guard let equals = field.firstIndex(of: "="), field[..<equals].lowercased() == "bytes" else {
            return nil
        }
        let specs = field[equals...].dropFirst().split(separator: ",").map(trimmed).filter { !$0.isEmpty }
        return specs.count == 1 ? specs[0] : nil
    }

    private static func trimmed(_ text: Substring) -> Substring {
        let isBlank: (Character) -> Bool = { $0 == " " || $0 == "\t" }
        var text = text.drop(while: isBlank)
        while let last = text.last, isBlank(last) { text.removeLast() }
        return text
    }

    /// `first-`, `first-last` or `-length`; `nil` when it is none of them.
    private static func range(_ spec: Substring, length: Int) -> ByteRange? {
        guard let dash = spec.utf8.firstIndex(of: UInt8(ascii: "-")) else { return nil }
        let (head, tail) = (spec[..<dash], spec[dash...].dropFirst())
        if head.isEmpty {
            guard let suffix = number(tail) else { return nil }
            if suffix == 0 { return .unsatisfiable }
            // Content-Range cannot say "all of nothing".
            return length == 0 ? nil : .part(max(0, length - suffix)..<length)
        }
        guard let first = number(head) else { return nil }
        guard !tail.isEmpty else { return first < length ? .part(first..<length) : .unsatisfiable }
        guard let last = number(tail), first <= last else { return nil }
        return first < length ? .part(first..<min(last, length - 1) + 1) : .unsatisfiable
    }

    /// `1*DIGIT`; what is too large for a number lies behind any content.
    private static func number(_ text: Substring) -> Int? {
        guard !text.isEmpty, text.utf8.allSatisfy({ $0 &- UInt8(ascii: "0") < 10 }) else { return nil }
        return Int(text) ?? .max
    }
}
