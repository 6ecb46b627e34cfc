@testable import HTTPCore

/// An accepted message read a second time, whole and in the plainest way, to compare with what the parser made of it.
struct WireReference {
    private var blankLines = 0
    private var requestLine: ArraySlice<UInt8> = []
    private var fields: [(line: ArraySlice<UInt8>, name: String, value: [UInt8])] = []
    private var fieldSectionBytes = 0
    private var extensionBytes = 0
    private var trailerBytes = 0
    private var body: [UInt8] = []
    /// Every line so far ended with CRLF and had no other CR or LF.
    private var hasCleanLines = true
    private var rest: ArraySlice<UInt8>
    private let message: WireMessage

    /// Reads `message` from `bytes`, the connection's.
    init(_ message: WireMessage, in bytes: [UInt8]) {
        self.message = message
        rest = bytes[message.start..<message.end]
        if message.head != nil { readHead() }
        if message.head.map({ $0.framing == .chunked }) ?? true { readChunks() } else { body = Array(rest) }
    }

    /// Whether the message says what its bytes say.
    var agrees: Bool {
        guard hasCleanLines, body == message.body else { return false }
        guard let head = message.head else { return true }
        guard framingFits(head.framing) else { return false }
        let parts = requestLine.split(separator: Byte.space, omittingEmptySubsequences: false)
        guard parts.count == 3, text(parts[0]) == head.method else { return false }
        guard (text(parts[2]) == "HTTP/1.0") == (head.minorVersion == 0) else { return false }
        let target = text(parts[1])
        let isAbsolute = !target.hasPrefix("/") && target != "*"
        if !isAbsolute, target != head.path + (head.query.map { "?\($0)" } ?? "") { return false }
        return read(fields.map { ($0.name, $0.value) }, exceptHost: isAbsolute)
            == read(Array(zip(head.names, head.values)), exceptHost: isAbsolute)
    }

    /// Whether the body's length is what the fields say, in digits.
    private func framingFits(_ framing: BodyFraming) -> Bool {
        if framing == .chunked { return true }
        let lengths = fields.filter { $0.name.lowercased() == "content-length" }
        guard lengths.count <= 1 else { return false }
        let digits = String(decoding: lengths.first?.value ?? [], as: UTF8.self).drop { $0 == "0" }
        return (digits.isEmpty ? "0" : digits) == "\(body.count)"
    }

    func fits(_ limits: WireLimits) -> Bool {
        blankLines <= limits.maxLeadingBlankLines && requestLine.count <= limits.maxRequestLineBytes
            && fields.allSatisfy { $0.line.count <= limits.maxFieldBytes }
            && fieldSectionBytes <= limits.maxFieldSectionBytes && fields.count <= limits.maxFields
            && extensionBytes <= limits.maxChunkExtensionBytes && trailerBytes <= limits.maxTrailerBytes
            && body.count <= limits.maxBodyBytes
    }

    /// An absolute target takes the place of `Host`.
    private func read(_ fields: [(String, [UInt8])], exceptHost: Bool) -> [String] {
        fields.filter { !exceptHost || $0.0.lowercased() != "host" }.map { "\($0.0): \($0.1)" }
    }

    private mutating func readHead() {
        requestLine = line()
        while requestLine.isEmpty, !rest.isEmpty {
            blankLines += 1
            requestLine = line()
        }
        let section = rest.startIndex
        while true {
            let line = line()
            if line.isEmpty { break }
            let colon = line.firstIndex(of: Byte.colon) ?? line.endIndex
            let isBlank: (UInt8) -> Bool = { $0 == Byte.space || $0 == Byte.tab }
            let value = line[colon...].dropFirst().drop(while: isBlank).reversed().drop(while: isBlank)
            fields.append((line, text(line[..<colon]), value.reversed()))
            fieldSectionBytes = line.endIndex - section
        }
    }

    private mutating func readChunks() {
        while true {
            let size = line()
            let digits = size.prefix { $0 != Byte.semicolon }
            extensionBytes += size.count - digits.count
            guard let count = Int(text(digits), radix: 16), count > 0 else { break }
            body += rest.prefix(count)
            rest = rest.dropFirst(count)
            if !line().isEmpty { hasCleanLines = false }
        }
        trailerBytes = rest.count
        while !line().isEmpty {}
        if !rest.isEmpty { hasCleanLines = false }
    }

    /// The next line without its CRLF.
    private mutating func line() -> ArraySlice<UInt8> {
        let line = rest.prefix { $0 != Byte.carriageReturn && $0 != Byte.lineFeed }
        rest = rest[line.endIndex...]
        if !rest.starts(with: [Byte.carriageReturn, Byte.lineFeed]) { hasCleanLines = false }
        rest = rest.dropFirst(2)
        return line
    }

    private func text(_ bytes: ArraySlice<UInt8>) -> String { String(decoding: bytes, as: UTF8.self) }
}
