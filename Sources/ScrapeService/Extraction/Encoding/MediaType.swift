/// The parts of a `Content-Type` field that extraction asks for (RFC 9110, section 8.3.1).
struct MediaType: Hashable, Sendable {
    /// `type/subtype`, lower-case.
    var essence: String
    var charset: String?

    /// Nil where there is no `type/subtype`.
    init?(_ field: String) {
        let parts = field.split(separator: ";", omittingEmptySubsequences: false)
        let essence = Self.trimmed(parts[0]).asciiLowercased
        let halves = essence.split(separator: "/", omittingEmptySubsequences: false)
        guard halves.count == 2, halves.allSatisfy({ !$0.isEmpty }) else { return nil }
        self.essence = essence
        for parameter in parts.dropFirst() {
            guard let equals = parameter.firstIndex(of: "=") else { continue }
            guard Self.trimmed(parameter[..<equals]).asciiLowercased == "charset" else { continue }
            charset = Self.trimmed(parameter[parameter.index(after: equals)...]).filter { $0 != "\"" }
            break
        }
    }

    private static func trimmed(_ text: Substring) -> String {
        let isSpace = { (character: Character) in character.isWhitespace }
        guard let first = text.firstIndex(where: { !isSpace($0) }) else { return "" }
        let last = text.lastIndex { !isSpace($0) } ?? first
        return String(text[first...last])
    }

    var isHTML: Bool { essence == "text/html" || essence == "application/xhtml+xml" }

    var isXML: Bool {
        essence == "text/xml" || essence == "application/xml" || (essence.hasSuffix("+xml") && !isHTML)
    }

    /// Types that are text whatever their bytes look like.
    var isText: Bool {
        essence.hasPrefix("text/") || isXML || isHTML || essence.hasSuffix("+json")
            || Self.textTypes.contains(essence)
    }

    private static let textTypes: Set<String> = [
        "application/json", "application/javascript", "application/ecmascript", "application/x-javascript",
        "application/ld+json", "application/x-ndjson", "application/x-httpd-php", "application/sql",
    ]

    /// Types that no one can mean as markup.
    var isBinary: Bool {
        if isText { return false }
        return Self.binaryFamilies.contains { essence.hasPrefix($0) } || Self.binaryTypes.contains(essence)
    }

    private static let binaryFamilies = [
        "image/", "audio/", "video/", "font/", "model/", "application/vnd.openxmlformats",
        "application/vnd.oasis",
        "application/vnd.ms-", "application/font",
    ]

    private static let binaryTypes: Set<String> = [
        "application/pdf", "application/zip", "application/gzip", "application/x-gzip", "application/x-tar",
        "application/x-bzip2", "application/x-xz", "application/zstd", "application/x-7z-compressed",
        "application/x-rar-compressed", "application/vnd.rar", "application/java-archive", "application/wasm",
        "application/msword", "application/epub+zip", "application/x-shockwave-flash", "application/ogg",
        "application/x-protobuf", "application/cbor", "application/vnd.apple.mpegurl",
    ]
}
