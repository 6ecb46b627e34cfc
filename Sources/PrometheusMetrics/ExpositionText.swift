/// Prometheus's text exposition format, version 0.0.4.
struct ExpositionText {
    private(set) var bytes: [UInt8] = []

    /// The two lines above a metric's samples; without a help text only one.
    mutating func header(_ name: String, type: String, help: String?) {
        if let help { line("# HELP \(name) \(Self.escape(help, quotes: false))") }
        line("# TYPE \(name) \(type)")
    }

    mutating func sample(_ name: String, _ labels: Labels, _ value: UInt64) {
        line("\(name)\(Self.braces(labels.text)) \(value)")
    }

    mutating func sample(_ name: String, _ labels: Labels, _ value: Double) {
        line("\(name)\(Self.braces(labels.text)) \(Self.number(value))")
    }

    /// A bucket's sample: `le` stands behind the other labels.
    mutating func sample(_ name: String, _ labels: Labels, bound: Double, _ value: UInt64) {
        let separator = labels.text.isEmpty ? "" : ","
        line("\(name){\(labels.text)\(separator)le=\"\(Self.number(bound))\"} \(value)")
    }

    private mutating func line(_ text: String) {
        bytes.append(contentsOf: text.utf8)
        bytes.append(UInt8(ascii: "\n"))
    }

    private static func braces(_ labels: String) -> String { labels.isEmpty ? "" : "{\(labels)}" }

    /// As Go's `ParseFloat` reads it; whole numbers without a point.
    static func number(_ value: Double) -> String {
        if value.isNaN { return "NaN" }
        if value.isInfinite { return value > 0 ? "+Inf" : "-Inf" }
        if value.magnitude < 1e15, let whole = Int64(exactly: value) { return String(whole) }
        return value.description
    }

    /// Backslash and line feed are escaped, in label values the quote too; everything else stands for itself.
    static func escape(_ text: String, quotes: Bool) -> String {
        var escaped = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\\": escaped += #"\\"#
            case "\n": escaped += #"\n"#
            case "\"" where quotes: escaped += #"\""#
            default: escaped.unicodeScalars.append(scalar)
            }
        }
        return escaped
    }
}
