/// The encoding an HTML page names inside itself: WHATWG HTML, section 13.2.3.2, "prescan a byte stream", and the
/// `meta` elements that a browser meets later in the head (13.2.3.5, "changing the encoding while parsing").
struct MetaPrescan {
    /// How far into the page the standard looks whatever stands there; beyond, a `meta` counts in the head only.
    static let maxPrescanBytes = 1024

    private let bytes: ArraySlice<UInt8>
    private var position: Int
    private var isInHead = true

    static func encoding(of bytes: ArraySlice<UInt8>) -> TextEncoding? {
        var prescan = MetaPrescan(bytes: bytes)
        return prescan.run()
    }

    /// `<?xml version="1.0" encoding="…"?>`, also as UTF-16 without a byte order mark.
    static func xmlEncoding(of bytes: ArraySlice<UInt8>) -> TextEncoding? {
        if bytes.starts(with: [0x3C, 0, 0x3F, 0, 0x78, 0]) { return .utf16LE }
        if bytes.starts(with: [0, 0x3C, 0, 0x3F, 0, 0x78]) { return .utf16BE }
        guard bytes.starts(with: "<?xml".utf8),
            let end = bytes.prefix(maxPrescanBytes).firstIndex(of: UInt8(ascii: ">"))
        else { return nil }
        var declaration = MetaPrescan(bytes: bytes[..<end])
        guard declaration.skip(past: "encoding"), declaration.skipEqualsSign(),
            let quote = declaration.peek(),
            quote == UInt8(ascii: "\"") || quote == UInt8(ascii: "'")
        else { return nil }
        return TextEncoding(labelInMarkup: declaration.attributeValue())
    }

    private init(bytes: ArraySlice<UInt8>) {
        self.bytes = bytes
        position = bytes.startIndex
    }

    private func peek(_ ahead: Int = 0) -> UInt8? {
        position + ahead < bytes.endIndex ? bytes[position + ahead] : nil
    }

    private func stands(_ text: StaticString) -> Bool {
        guard position + text.utf8CodeUnitCount <= bytes.endIndex else { return false }
        return (0..<text.utf8CodeUnitCount).allSatisfy {
            Self.lowered(bytes[position + $0]) == text.utf8Start[$0]
        }
    }

    private static func lowered(_ byte: UInt8) -> UInt8 { (0x41...0x5A).contains(byte) ? byte + 32 : byte }

    private static func isSpace(_ byte: UInt8) -> Bool {
        byte == 0x20 || byte == 0x09 || byte == 0x0A || byte == 0x0C || byte == 0x0D
    }

    private static func isLetter(_ byte: UInt8) -> Bool { (0x61...0x7A).contains(lowered(byte)) }

    private mutating func run() -> TextEncoding? {
        while isInHead || position - bytes.startIndex < Self.maxPrescanBytes, let byte = peek() {
            guard byte == UInt8(ascii: "<") else {
                position += 1
                continue
            }
            if stands("<!--") {
                skipComment()
            } else if stands("<meta"), let after = peek(5), Self.isSpace(after) || after == UInt8(ascii: "/")
            {
                position += 5
                if let encoding = metaEncoding() { return encoding }
            } else if isTag {
                skipTag()
            } else if let next = peek(1), "!/?".utf8.contains(next) {
                while let next = peek(), next != UInt8(ascii: ">") { position += 1 }
            }
            position += 1
        }
        return nil
    }

    /// To the `>` of the tag; behind the start tag of an element that holds no markup, to its end tag.
    private mutating func skipTag() {
        let start = position + 1
        while let next = peek(), !Self.isSpace(next), next != UInt8(ascii: ">") { position += 1 }
        let name = String(decoding: bytes[start..<position].map(Self.lowered), as: UTF8.self)
        while nextAttribute() != nil {}
        if !Self.headTags.contains(name) { isInHead = false }
        guard let textEnd = Self.textElements[name] else { return }
        while position < bytes.endIndex, !stands(textEnd) { position += 1 }
        position -= 1
    }

    private static let headTags: Set<String> = [
        "html", "head", "title", "/title", "script", "/script", "style", "/style", "noscript", "/noscript",
        "link",
        "base", "template", "/template", "object", "/object",
    ]

    private static let textElements: [String: StaticString] = [
        "title": "</title", "script": "</script", "style": "</style", "textarea": "</textarea",
    ]

    private var isTag: Bool {
        guard let next = peek(1) else { return false }
        return Self.isLetter(next) || (next == UInt8(ascii: "/") && peek(2).map(Self.isLetter) == true)
    }

    private mutating func skipComment() {
        position += 2
        while position < bytes.endIndex, !stands("-->") { position += 1 }
        position += 2
    }

    private mutating func metaEncoding() -> TextEncoding? {
        var names: Set<String> = []
        var isPragma = false
        var needsPragma: Bool?
        var label: String?
        while let (name, value) = nextAttribute() {
            guard names.insert(name).inserted else { continue }
            switch name {
            case "http-equiv":
                isPragma = value == "content-type"
            case "content" where label == nil:
                label = Self.charset(inContent: value)
                if label != nil { needsPragma = true }
            case "charset":
                label = value
                needsPragma = false
            default:
                break
            }
        }
        guard let needsPragma, let label, !needsPragma || isPragma else { return nil }
        return TextEncoding(labelInMarkup: label)
    }

    /// "Extract a character encoding from a meta element": `text/html; charset=…`, in lower case.
    private static func charset(inContent content: String) -> String? {
        let bytes = Array(content.utf8)
        var scan = MetaPrescan(bytes: bytes[...])
        while scan.skip(past: "charset") {
            guard scan.skipEqualsSign() else { continue }
            guard let first = scan.peek() else { return nil }
            if first == UInt8(ascii: "\"") || first == UInt8(ascii: "'") {
                guard bytes[(scan.position + 1)...].contains(first) else { return nil }
                return scan.attributeValue()
            }
            let value = bytes[scan.position...].prefix { !isSpace($0) && $0 != UInt8(ascii: ";") }
            return value.isEmpty ? nil : String(decoding: value, as: UTF8.self)
        }
        return nil
    }

    /// Whether `text` stands somewhere ahead; then the cursor is behind it.
    private mutating func skip(past text: StaticString) -> Bool {
        while position < bytes.endIndex {
            if stands(text) {
                position += text.utf8CodeUnitCount
                return true
            }
            position += 1
        }
        return false
    }

    /// White space, `=` and white space; false where there is no `=`.
    private mutating func skipEqualsSign() -> Bool {
        skipSpace()
        guard peek() == UInt8(ascii: "=") else { return false }
        position += 1
        skipSpace()
        return true
    }

    /// "Get an attribute": name and value in lower case; nil at the end of the tag, where the cursor stays.
    private mutating func nextAttribute() -> (name: String, value: String)? {
        while let next = peek(), Self.isSpace(next) || next == UInt8(ascii: "/") { position += 1 }
        guard let first = peek(), first != UInt8(ascii: ">") else { return nil }
        var name: [UInt8] = []
        while let next = peek(), !Self.isSpace(next), !"/>".utf8.contains(next) {
            if next == UInt8(ascii: "="), !name.isEmpty { break }
            name.append(Self.lowered(next))
            position += 1
        }
        skipSpace()
        guard peek() == UInt8(ascii: "=") else { return (String(decoding: name, as: UTF8.self), "") }
        position += 1
        skipSpace()
        return (String(decoding: name, as: UTF8.self), attributeValue())
    }

    private mutating func skipSpace() {
        while let next = peek(), Self.isSpace(next) { position += 1 }
    }

    private mutating func attributeValue() -> String {
        var value: [UInt8] = []
        if let quote = peek(), quote == UInt8(ascii: "\"") || quote == UInt8(ascii: "'") {
            position += 1
            while let next = peek(), next != quote {
                value.append(Self.lowered(next))
                position += 1
            }
            position += 1
        } else {
            while let next = peek(), !Self.isSpace(next), next != UInt8(ascii: ">") {
                value.append(Self.lowered(next))
                position += 1
            }
        }
        return String(decoding: value, as: UTF8.self)
    }
}
