import Foundation

/// Times as the contract writes them: RFC 3339, UTC, milliseconds.
enum Timestamp {
    private static let style = Date.ISO8601FormatStyle(includingFractionalSeconds: true)

    static func text(_ date: Date) -> String { date.formatted(style) }

    /// Any RFC 3339 time, with or without fraction, with any offset.
    static func parse(_ text: String) -> Date? {
        // A year has four digits (RFC 3339 §5.6).
        guard text.utf8.count <= 40, text.utf8.dropFirst(4).first == UInt8(ascii: "-") else { return nil }
        if let date = try? Date(text, strategy: style) { return date }
        return try? Date(text, strategy: Date.ISO8601FormatStyle())
    }
}

extension JSONWriter {
    mutating func date(_ date: Date?) {
        if let date { string(Timestamp.text(date)) } else { null() }
    }

    mutating func string(optional text: String?) {
        if let text { string(text) } else { null() }
    }

    mutating func int(optional number: Int?) {
        if let number { int(number) } else { null() }
    }
}
