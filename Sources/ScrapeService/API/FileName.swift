/// What a saved file is called when a client keeps it: one name, of no folder, that a file system takes and a person
/// reads as it is. Made of what the answer's Content-Disposition proposes, else of the URL's last segment; neither is
/// trusted.
struct FileName: Hashable, Sendable {
    /// Of UTF-8. File systems take 255; a browser adds " (1)" or ".part".
    private static let maxBytes = 200
    /// A longer one is a part of the name.
    private static let maxExtensionBytes = 16
    private static let unknown = "file"
    /// Names of devices in Windows, with any extension.
    private static let devices: Set<String> = {
        let numbered = (0...9).flatMap { ["com\($0)", "lpt\($0)"] }
        return Set(["con", "prn", "aux", "nul"] + numbered)
    }()

    let text: String

    /// `disposition`: the field's value (RFC 6266).
    init(url: String, disposition: String?) {
        text =
            disposition.flatMap(Self.proposed).flatMap(Self.cleaned)
            ?? Self.lastSegment(of: url).flatMap(Self.cleaned) ?? Self.unknown
    }

    /// The value of a Content-Disposition field of ours: to be kept, not shown, under this name. In ASCII for old
    /// clients, then in full (RFC 8187).
    var attachment: String {
        let plain = text.unicodeScalars.map { scalar -> Character in
            // Some clients decode escapes here.
            scalar.isASCII && scalar != "%" ? Character(scalar) : "_"
        }
        let full = PercentCoding.encode(Array(text.utf8), keeping: "!#$&+-.^_`|~")
        return "attachment; filename=\"\(String(plain))\"; filename*=UTF-8''\(full)"
    }

    // MARK: Proposals

    /// `filename*`, else `filename`.
    private static func proposed(by field: String) -> String? {
        var plain: String?
        for (name, value) in DispositionParameters(field) {
            if name == "filename*", let text = extended(value) { return text }
            if name == "filename", plain == nil { plain = value }
        }
        return plain
    }

    /// `charset'language'escaped` (RFC 8187, section 3.2).
    private static func extended(_ value: String) -> String? {
        let parts = value.split(separator: "'", maxSplits: 2, omittingEmptySubsequences: false)
        guard parts.count == 3 else { return nil }
        let bytes = PercentCoding.decode(parts[2])
        switch parts[0].lowercased() {
        case "utf-8": return String(decoding: bytes, as: UTF8.self)
        case "iso-8859-1":
            return String(String.UnicodeScalarView(bytes.map { Unicode.Scalar($0) }))
        default: return nil
        }
    }

    /// Of the path; what is escaped may hold a slash, and is cut again.
    private static func lastSegment(of url: String) -> String? {
        let rest = url.prefix { $0 != "?" && $0 != "#" }
        guard let authority = rest.firstRange(of: "://") else { return nil }
        let path = rest[authority.upperBound...].drop { $0 != "/" }
        guard let segment = path.split(separator: "/").last else { return nil }
        return String(decoding: PercentCoding.decode(segment), as: UTF8.self)
    }

    // MARK: Cleaning

    /// Nil: nothing is left.
    private static func cleaned(_ name: String) -> String? {
        let segments = name.unicodeScalars.split { $0 == "/" || $0 == "\\" }
        guard let last = segments.last else { return nil }
        var scalars = trimmed(last.map(safe)[...])
        if scalars.isEmpty { return nil }
        let stem = scalars.prefix { $0 != "." }.map(String.init).joined().lowercased()
        if devices.contains(stem) { scalars.insert("_", at: scalars.startIndex) }
        return shortened(scalars)
    }

    /// Controls, what is invisible or turns the direction of writing, and what some file system refuses is "_".
    private static func safe(_ scalar: Unicode.Scalar) -> Unicode.Scalar {
        switch scalar.properties.generalCategory {
        case .control, .format, .surrogate, .privateUse, .unassigned, .lineSeparator, .paragraphSeparator: "_"
        case .spaceSeparator: " "
        default: "\"<>:|?*\u{FFFD}".unicodeScalars.contains(scalar) ? "_" : scalar
        }
    }

    /// Dots in front hide a file, or name a folder; at the end, as spaces, they are lost on Windows.
    private static func trimmed(_ scalars: ArraySlice<Unicode.Scalar>) -> ArraySlice<Unicode.Scalar> {
        let isEdge = { (scalar: Unicode.Scalar) in scalar == "." || scalar == " " }
        guard let end = scalars.lastIndex(where: { !isEdge($0) }) else { return [] }
        return scalars[...end].drop(while: isEdge)
    }

    /// Keeps the extension.
    private static func shortened(_ scalars: ArraySlice<Unicode.Scalar>) -> String {
        guard bytes(of: scalars) > maxBytes else { return text(scalars) }
        var (stem, end) = (scalars, scalars[scalars.endIndex...])
        if let dot = scalars.lastIndex(of: "."), bytes(of: scalars[dot...]) <= maxExtensionBytes {
            (stem, end) = (scalars[..<dot], scalars[dot...])
        }
        var room = maxBytes - bytes(of: end)
        stem = stem.prefix { scalar in
            room -= UTF8.width(scalar)
            return room >= 0
        }
        return text(trimmed(stem) + end)
    }

    private static func bytes(of scalars: ArraySlice<Unicode.Scalar>) -> Int {
        scalars.reduce(0) { $0 + UTF8.width($1) }
    }

    private static func text(_ scalars: some Sequence<Unicode.Scalar>) -> String {
        String(String.UnicodeScalarView(scalars))
    }
}

/// `name=value` pairs behind a disposition's type, names in lower case, values without their quotes (RFC 6266,
/// section 4.1).
private struct DispositionParameters: Sequence, IteratorProtocol {
    private var rest: ArraySlice<UInt8>

    init(_ field: String) {
        rest = Array(field.utf8).drop { $0 != UInt8(ascii: ";") }
    }

    mutating func next() -> (name: String, value: String)? {
        while rest.first == UInt8(ascii: ";") {
            rest = rest.dropFirst().drop(while: Self.isBlank)
            let name = rest.prefix { $0 != UInt8(ascii: "=") && $0 != UInt8(ascii: ";") }
            rest = rest[name.endIndex...]
            guard rest.first == UInt8(ascii: "=") else { continue }
            rest = rest.dropFirst().drop(while: Self.isBlank)
            let value = rest.first == UInt8(ascii: "\"") ? quoted() : token()
            rest = rest.drop { $0 != UInt8(ascii: ";") }
            return (Self.text(name).lowercased(), value)
        }
        return nil
    }

    private mutating func token() -> String {
        let value = rest.prefix { $0 != UInt8(ascii: ";") }
        rest = rest[value.endIndex...]
        return Self.text(value)
    }

    private mutating func quoted() -> String {
        rest = rest.dropFirst()
        var value: [UInt8] = []
        while let byte = rest.popFirst(), byte != UInt8(ascii: "\"") {
            // What is behind a backslash stands for itself.
            guard let literal = byte == UInt8(ascii: "\\") ? rest.popFirst() : byte else { break }
            value.append(literal)
        }
        return String(decoding: value, as: UTF8.self)
    }

    private static func isBlank(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 }

    private static func text(_ bytes: ArraySlice<UInt8>) -> String {
        var bytes = bytes
        while let last = bytes.last, isBlank(last) { bytes.removeLast() }
        return String(decoding: bytes, as: UTF8.self)
    }
}

/// RFC 3986, section 2.1.
enum PercentCoding {
    private static let digits = Array("0123456789ABCDEF".utf8)

    /// Letters, digits and `kept` stay.
    static func encode(_ bytes: [UInt8], keeping kept: String) -> String {
        let kept = Set(kept.utf8)
        var encoded: [UInt8] = []
        for byte in bytes {
            let scalar = Unicode.Scalar(byte)
            let isPlain = scalar.isASCII && (scalar.properties.isAlphabetic || (0x30...0x39).contains(byte))
            if isPlain || kept.contains(byte) {
                encoded.append(byte)
            } else {
                encoded += [UInt8(ascii: "%"), digits[Int(byte >> 4)], digits[Int(byte & 15)]]
            }
        }
        return String(decoding: encoded, as: UTF8.self)
    }

    /// Malformed escapes stay as they are.
    static func decode(_ text: Substring) -> [UInt8] {
        let bytes = Array(text.utf8)
        var decoded: [UInt8] = []
        var index = 0
        while index < bytes.count {
            if bytes[index] == UInt8(ascii: "%"), index + 2 < bytes.count,
                let high = digit(bytes[index + 1]), let low = digit(bytes[index + 2])
            {
                decoded.append(high << 4 | low)
                index += 3
            } else {
                decoded.append(bytes[index])
                index += 1
            }
        }
        return decoded
    }

    private static func digit(_ byte: UInt8) -> UInt8? {
        switch byte {
        case 0x30...0x39: byte - 0x30
        case 0x41...0x46: byte - 0x41 + 10
        case 0x61...0x66: byte - 0x61 + 10
        default: nil
        }
    }
}
