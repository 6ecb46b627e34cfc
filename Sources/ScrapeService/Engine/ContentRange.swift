/// `Content-Range` of an answer (RFC 9110 §14.4): where its bytes lie in the whole.
struct ContentRange: Hashable, Sendable {
    /// Nil: `bytes */length`, which part was asked for does not exist. What follows the last byte has a number, too.
    var bytes: ClosedRange<Int64>?
    /// Of the whole; nil: the server does not know.
    var length: Int64?

    /// Nil where it is none by the grammar, or not in bytes.
    init?(_ field: String?) {
        guard let field, field.lowercased().hasPrefix("bytes ") else { return nil }
        let parts = field.dropFirst(6).split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count == 2 else { return nil }
        if parts[1] != "*" {
            guard let length = Self.number(parts[1]) else { return nil }
            self.length = length
        }
        if parts[0] == "*" {
            if length == nil { return nil }
            return
        }
        let ends = parts[0].split(separator: "-", omittingEmptySubsequences: false).map(Self.number)
        guard ends.count == 2, let first = ends[0], let last = ends[1], first <= last, last < .max,
            length.map({ last < $0 }) ?? true
        else { return nil }
        bytes = first...last
    }

    /// `1*DIGIT`.
    private static func number(_ text: Substring) -> Int64? {
        text.utf8.allSatisfy { $0 &- UInt8(ascii: "0") < 10 } ? Int64(text) : nil
    }
}
