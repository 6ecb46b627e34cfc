/// A series' labels: valid names, each once, in order.
struct Labels: Hashable, Sendable {
    /// As they stand between the braces, the values escaped.
    let text: String

    /// Names that a label may not have are changed; of two with one name the first stays.
    init(_ dimensions: [(String, String)], reserved: Set<String> = []) {
        var labels: [String: String] = [:]
        for (name, value) in dimensions {
            var name = Names.label(name)
            if name.hasPrefix("__") || reserved.contains(name) { name = "exported_" + name }
            if labels[name] == nil { labels[name] = value }
        }
        text = labels.sorted { $0.key < $1.key }
            .map { "\($0.key)=\"\(ExpositionText.escape($0.value, quotes: true))\"" }
            .joined(separator: ",")
    }
}

/// Names as Prometheus allows them: what it does not allow becomes `_`.
enum Names {
    /// `[a-zA-Z_:][a-zA-Z0-9_:]*`
    static func metric(_ name: String) -> String { mend(name, allowing: ":") }

    /// `[a-zA-Z_][a-zA-Z0-9_]*`
    static func label(_ name: String) -> String { mend(name, allowing: "_") }

    private static func mend(_ name: String, allowing extra: Unicode.Scalar) -> String {
        var mended = ""
        for scalar in name.unicodeScalars {
            let isDigit = ("0"..."9").contains(scalar)
            if isDigit, mended.isEmpty { mended += "_" }
            let isLetter = ("a"..."z").contains(scalar) || ("A"..."Z").contains(scalar)
            let stays = isDigit || isLetter || scalar == "_" || scalar == extra
            mended.unicodeScalars.append(stays ? scalar : "_")
        }
        return mended.isEmpty ? "_" : mended
    }
}
