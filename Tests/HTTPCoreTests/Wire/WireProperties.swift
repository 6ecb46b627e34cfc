@testable import HTTPCore

/// What holds of any bytes a client may send. The fuzz targets and the replay of their corpus check the same.
struct WireProperties {
    /// So small that a fuzzer meets every one of them.
    static let tightLimits = WireLimits(
        maxRequestLineBytes: 40, maxFieldBytes: 32, maxFieldSectionBytes: 96, maxFields: 4,
        maxLeadingBlankLines: 1, maxChunkExtensionBytes: 16, maxTrailerBytes: 32, maxBodyBytes: 32)
    /// For what is written anew: an absolute target makes its Host longer.
    private static let wideLimits = WireLimits(
        maxRequestLineBytes: 1 << 20, maxFieldBytes: 1 << 20, maxFieldSectionBytes: 1 << 20, maxFields: 1000)

    private let bytes: [UInt8]
    private let start: WireRun.Start
    private let whole: WireOutcome

    /// The first property that does not hold of `bytes`; `nil` when all do.
    static func violation(_ bytes: [UInt8], _ start: WireRun.Start) -> String? {
        let properties = WireProperties(bytes, start)
        return properties.splitting() ?? properties.goingOn() ?? properties.limiting()
            ?? properties.whole.messages.lazy.compactMap { properties.message($0) }.first
    }

    private init(_ bytes: [UInt8], _ start: WireRun.Start) {
        self.bytes = bytes
        self.start = start
        whole = WireRun.outcome(of: bytes, start).outcome
    }

    /// It makes no difference where bytes are split, and a message is complete with its last byte, not before or after.
    private func splitting() -> String? {
        let single = WireRun.outcome(of: bytes, cuts: 0..<bytes.count, start)
        guard single.outcome == whole else { return "byte by byte is another outcome" }
        guard single.arrivals == whole.messages.map(\.end) else { return "a message ends elsewhere" }
        guard WireRun.outcome(of: bytes, cuts: randomCuts(), start).outcome == whole else {
            return "split is another outcome"
        }
        return nil
    }

    /// Up to seven places, which follow from the bytes: a fuzzer that changes them changes the places.
    private func randomCuts() -> [Int] {
        guard !bytes.isEmpty else { return [] }
        // FNV-1a, then xorshift.
        var random = bytes.reduce(UInt64(0xCBF2_9CE4_8422_2325)) { ($0 ^ UInt64($1)) &* 0x100_0000_01B3 } | 1
        let cuts = (0..<Int(random >> 61)).map { _ in
            random ^= random << 13
            random ^= random >> 7
            random ^= random << 17
            return Int(random % UInt64(bytes.count))
        }
        return cuts.sorted()
    }

    /// What is understood or refused stays so, whatever follows.
    private func goingOn() -> String? {
        let longer = WireRun.outcome(of: bytes + Array("\r\n\r\nGET / HTTP/1.1\r\n\r\n".utf8), start).outcome
        guard longer.messages.starts(with: whole.messages) else { return "bytes behind it change a message" }
        if whole.end == .open || longer == whole { return nil }
        return "bytes behind it change a refusal"
    }

    /// Limits refuse, and change nothing else.
    private func limiting() -> String? {
        let limits = Self.tightLimits
        let tight = WireRun.outcome(of: bytes, start, limits: limits).outcome
        guard whole.messages.starts(with: tight.messages) else { return "limits change a message" }
        for message in tight.messages
        where !WireMeasure(bytes[message.start..<message.end], message).fits(limits) {
            return "a limit does not hold"
        }
        if tight == whole { return nil }
        guard case .refused(let status, _) = tight.end, [400, 413, 414, 431].contains(status) else {
            return "a limit is no refusal"
        }
        return nil
    }

    /// What holds of each message that is understood.
    private func message(_ message: WireMessage) -> String? {
        guard message.body.count <= message.end - message.start else { return "a body longer than its bytes" }
        if let head = message.head {
            guard head.isClean else { return "a byte in the head that may not be there" }
        }
        let encoded = message.encoded
        let again = WireRun.outcome(of: encoded, start, limits: Self.wideLimits).outcome
        guard let copy = again.messages.first, again.messages.count == 1, copy.end == encoded.count,
            copy.isSame(as: message)
        else { return "written anew, it is another message" }
        return nil
    }
}

extension WireMessage {
    /// The message written anew from what was understood.
    fileprivate var encoded: [UInt8] {
        var bytes: [UInt8] = []
        if let head {
            let target = head.path + (head.query.map { "?\($0)" } ?? "")
            bytes.append(text: "\(head.method) \(target) HTTP/1.\(head.minorVersion)\r\n")
            for (name, value) in zip(head.names, head.values) {
                bytes.append(text: "\(name): ")
                bytes += value
                bytes.append("\r\n")
            }
            bytes.append("\r\n")
        }
        if let head, head.framing != .chunked { return bytes + body }
        for start in stride(from: 0, to: body.count, by: 7) {
            let chunk = body[start..<min(start + 7, body.count)]
            ResponseEncoder.appendChunkSize(chunk.count, to: &bytes)
            bytes += chunk
            ResponseEncoder.appendChunkEnd(to: &bytes)
        }
        ResponseEncoder.appendLastChunk(to: &bytes)
        return bytes
    }
}

extension WireMessage.Head {
    /// Whether nothing in it could start another line or another field.
    fileprivate var isClean: Bool {
        let target = path.utf8.allSatisfy { (0x21...0x7E).contains($0) }
        let parameters = (query ?? "").utf8.allSatisfy { (0x21...0x7E).contains($0) }
        let blanks: [UInt8?] = [0x20, 0x09]
        let clean = values.allSatisfy { value in
            value.allSatisfy { $0 == 0x09 || $0 >= 0x20 && $0 != 0x7F }
                && !blanks.contains(value.first) && !blanks.contains(value.last)
        }
        let tokens = (names + [method]).allSatisfy { name in
            !name.isEmpty && name.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F && $0 != 0x3A }
        }
        return target && parameters && clean && tokens
    }
}

/// The sizes of an accepted message, measured by another way than the parser's.
private struct WireMeasure {
    private var blankLines = 0
    private var requestLine = 0
    private var longestField = 0
    private var fieldSection = 0
    private var fields = 0
    private var extensions = 0
    private var trailer = 0
    private let body: Int
    private var rest: ArraySlice<UInt8>

    init(_ bytes: ArraySlice<UInt8>, _ message: WireMessage) {
        body = message.body.count
        rest = bytes
        if message.head != nil { measureHead() }
        if message.head.map({ $0.framing == .chunked }) ?? true { measureChunks() }
    }

    func fits(_ limits: WireLimits) -> Bool {
        blankLines <= limits.maxLeadingBlankLines && requestLine <= limits.maxRequestLineBytes
            && longestField <= limits.maxFieldBytes && fieldSection <= limits.maxFieldSectionBytes
            && fields <= limits.maxFields && extensions <= limits.maxChunkExtensionBytes
            && trailer <= limits.maxTrailerBytes && body <= limits.maxBodyBytes
    }

    private mutating func measureHead() {
        while true {
            requestLine = line().count
            if requestLine > 0 { break }
            blankLines += 1
        }
        let section = rest.startIndex
        while true {
            let length = line().count
            if length == 0 { break }
            fields += 1
            longestField = max(longestField, length)
            fieldSection = rest.startIndex - 2 - section
        }
    }

    private mutating func measureChunks() {
        while true {
            let size = line()
            let digits = size.prefix { $0 != UInt8(ascii: ";") }
            extensions += size.count - digits.count
            guard let count = Int(String(decoding: digits, as: UTF8.self), radix: 16), count > 0 else {
                break
            }
            rest = rest.dropFirst(count + 2)
        }
        trailer = rest.count
    }

    /// The next line without its CRLF.
    private mutating func line() -> ArraySlice<UInt8> {
        let end = rest.firstIndex(of: UInt8(ascii: "\r")) ?? rest.endIndex
        defer { rest = rest[end...].dropFirst(2) }
        return rest[..<end]
    }
}
