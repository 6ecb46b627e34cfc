import HTTPTypes

/// One event of a stream that a browser's `EventSource` understands (HTML Standard, section 9.2).
public struct ServerSentEvent: Hashable, Sendable {
    /// What the client sends as `Last-Event-ID` when it comes back; an empty one makes it forget the last.
    public var id: String?
    /// The name a listener asks for; without one it is `message`.
    public var event: String?
    /// Any text, lines included; their ends arrive as LF. An event without data is not told to listeners.
    public var data: String?
    /// How long the client waits before it connects again, to the millisecond.
    public var retry: Duration?
    /// Text that clients skip.
    public var comment: String?

    /// An event of whatever parts it has.
    public init(
        id: String? = nil, event: String? = nil, data: String? = nil, retry: Duration? = nil,
        comment: String? = nil
    ) {
        self.id = id
        self.event = event
        self.data = data
        self.retry = retry
        self.comment = comment
    }

    /// The event as it is sent, with the blank line that ends it. Throws where `id` or `event` hold what a client
    /// would take for something else.
    public func encoded() throws(ServerSentEventError) -> [UInt8] {
        // CR and LF end a line; an id with a NUL is passed over (HTML Standard, section 9.2.6).
        if let id, Self.hasControl(id) { throw .malformedID }
        if let event, Self.hasControl(event) { throw .malformedName }
        var bytes: [UInt8] = []
        if let comment { for line in Self.lines(of: comment) { Self.append("", line, to: &bytes) } }
        if let retry { Self.append("retry", String(Self.milliseconds(retry))[...].utf8, to: &bytes) }
        if let event { Self.append("event", event[...].utf8, to: &bytes) }
        if let id { Self.append("id", id[...].utf8, to: &bytes) }
        if let data { for line in Self.lines(of: data) { Self.append("data", line, to: &bytes) } }
        bytes.append(UInt8(ascii: "\n"))
        return bytes
    }

    /// The space is there always: a client takes one away, and a value may begin with its own.
    private static func append(_ name: String, _ value: Substring.UTF8View, to bytes: inout [UInt8]) {
        bytes.append(contentsOf: name.utf8)
        bytes.append(contentsOf: ": ".utf8)
        bytes.append(contentsOf: value)
        bytes.append(UInt8(ascii: "\n"))
    }

    /// A line ends with CR LF, with LF or with CR.
    private static func lines(of text: String) -> [Substring.UTF8View] {
        var lines: [Substring.UTF8View] = []
        let bytes = text.utf8
        var start = bytes.startIndex
        var index = start
        while index < bytes.endIndex {
            let byte = bytes[index]
            let next = bytes.index(after: index)
            if byte == Self.cr || byte == Self.lf {
                lines.append(text[start..<index].utf8)
                let isPair = byte == Self.cr && next < bytes.endIndex && bytes[next] == Self.lf
                start = isPair ? bytes.index(after: next) : next
                index = start
            } else {
                index = next
            }
        }
        lines.append(text[start...].utf8)
        return lines
    }

    private static let cr = UInt8(ascii: "\r")
    private static let lf = UInt8(ascii: "\n")

    private static func hasControl(_ text: String) -> Bool {
        text.utf8.contains { $0 == cr || $0 == lf || $0 == 0 }
    }

    private static func milliseconds(_ duration: Duration) -> Int64 {
        let (seconds, attoseconds) = duration.components
        return max(0, seconds * 1000 + attoseconds / 1_000_000_000_000_000)
    }
}

/// Why an event cannot be sent.
public enum ServerSentEventError: Error, Hashable, Sendable {
    /// The id holds CR, LF or NUL.
    case malformedID
    /// The name holds CR, LF or NUL.
    case malformedName
}

extension Request {
    /// The id of the last event the client has seen, when it comes back to a stream (`Last-Event-ID`).
    public var lastEventID: String? { headers[.lastEventID] }
}

extension HTTPField.Name {
    static let lastEventID = HTTPField.Name("Last-Event-ID")!
    static let accelBuffering = HTTPField.Name("X-Accel-Buffering")!
}
