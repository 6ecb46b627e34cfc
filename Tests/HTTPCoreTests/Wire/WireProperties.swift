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
            ?? properties.forgetting()
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

    /// What came before changes nothing: what ends the connection does so alone as well, under narrow limits too.
    private func forgetting() -> String? {
        guard start == .request else { return nil }
        for limits in [WireLimits(), Self.tightLimits] {
            let outcome = WireRun.outcome(of: bytes, start, limits: limits).outcome
            guard outcome.end != .closed, let end = outcome.messages.last?.end else { continue }
            let alone = WireRun.outcome(of: Array(bytes[end...]), start, limits: limits).outcome
            guard alone == WireOutcome(end: outcome.end) else { return "what came before changes the end" }
        }
        return nil
    }

    /// Limits refuse, and change nothing else.
    private func limiting() -> String? {
        let limits = Self.tightLimits
        let tight = WireRun.outcome(of: bytes, start, limits: limits).outcome
        guard whole.messages.starts(with: tight.messages) else { return "limits change a message" }
        for message in tight.messages where !WireReference(message, in: bytes).fits(limits) {
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
        guard WireReference(message, in: bytes).agrees else { return "it is not what its bytes say" }
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
        let output = ByteWriter()
        if let head {
            let target = head.path + (head.query.map { "?\($0)" } ?? "")
            output.append(text: "\(head.method) \(target) HTTP/1.\(head.minorVersion)\r\n")
            for (name, value) in zip(head.names, head.values) {
                output.append(text: "\(name): ")
                output.append(value)
                output.append("\r\n")
            }
            output.append("\r\n")
        }
        if let head, head.framing != .chunked {
            output.append(body)
            return Array(output.bytes)
        }
        for start in stride(from: 0, to: body.count, by: 7) {
            let chunk = Array(body[start..<min(start + 7, body.count)])
            ResponseEncoder.appendChunkSize(chunk.count, to: output)
            output.append(chunk)
            ResponseEncoder.appendChunkEnd(to: output)
        }
        ResponseEncoder.appendLastChunk(to: output)
        return Array(output.bytes)
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
