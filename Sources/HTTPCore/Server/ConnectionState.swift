/// Decides what a connection does next; ``Connection`` does it. No descriptor, no clock.
struct ConnectionState {
    enum Phase: Hashable {
        /// Nothing of the next request has come.
        case idle
        /// Part of a head has come.
        case head
        /// A handler works on a request.
        case handling
        /// FIN is sent, what still comes is dropped.
        case lingering
        case closed
    }

    /// What a deadline that has passed asks for.
    enum Expiry: Hashable {
        /// Nobody is owed an answer.
        case close
        /// The head is late: 408.
        case refuseHead
        /// The body is late: reading it fails with 408.
        case failBody
        /// The client does not take its answer.
        case abort
        /// The client has left: its handler is cancelled.
        case cancelHandler
    }

    /// The limits as the hot path wants them: times in nanoseconds.
    struct Bounds {
        let header, body, idle, write, halfClose, linger: Int64
        let minBodyProgressBytes, maxLingerBytes, maxRequests: Int

        init(_ limits: ServerLimits) {
            header = limits.headerTimeout.nanoseconds
            body = limits.bodyTimeout.nanoseconds
            idle = limits.idleTimeout.nanoseconds
            write = limits.writeTimeout.nanoseconds
            halfClose = limits.halfCloseTimeout.nanoseconds
            linger = limits.lingerTimeout.nanoseconds
            minBodyProgressBytes = limits.minBodyProgressBytes
            maxLingerBytes = limits.maxLingerBytes
            maxRequests = limits.maxRequestsPerConnection
        }
    }

    private let bounds: Bounds
    private(set) var phase = Phase.idle
    private(set) var requests = 0
    private(set) var isDraining = false
    /// The last answer has said, or will say, `Connection: close`.
    private(set) var isLastAnswer = false
    private var clientKeepsAlive = true
    private var isRefusal = false
    private var readDeadline: LoopTime?
    private var writeDeadline: LoopTime?
    private var leftDeadline: LoopTime?
    /// Time that the body's sender still has to make progress, and the bytes it has made.
    private var bodyAllowance: Int64
    private var bodyProgressBytes = 0
    private var bodyWaitStart: LoopTime?
    private var lingerBytes = 0

    init(_ bounds: Bounds, now: LoopTime) {
        self.bounds = bounds
        bodyAllowance = bounds.body
        readDeadline = now + bounds.header
    }

    var isClosed: Bool { phase == .closed }

    /// The earliest of all deadlines.
    var nextDeadline: LoopTime? {
        var earliest = readDeadline
        if let writeDeadline { earliest = min(earliest ?? writeDeadline, writeDeadline) }
        if let leftDeadline { earliest = min(earliest ?? leftDeadline, leftDeadline) }
        return earliest
    }

    /// The deadline of what is waited for has passed, if one has. Each is told once.
    mutating func expire(now: LoopTime) -> Expiry? {
        if let deadline = writeDeadline, deadline <= now {
            writeDeadline = nil
            return .abort
        }
        if let deadline = leftDeadline, deadline <= now {
            // While the client's window is full, the write deadline judges.
            leftDeadline = writeDeadline == nil ? nil : now + bounds.halfClose
            if leftDeadline == nil { return .cancelHandler }
        }
        guard let deadline = readDeadline, deadline <= now else { return nil }
        readDeadline = nil
        switch phase {
        case .idle, .lingering: return .close
        case .head: return .refuseHead
        case .handling: return .failBody
        case .closed: return nil
        }
    }

    // MARK: Heads

    /// No complete head is there. A head's deadline is absolute: trickled bytes do not renew it.
    mutating func awaitHead(hasBegun: Bool, now: LoopTime) {
        if hasBegun, phase != .head {
            // The first request's time has run since accept.
            if requests > 0 { readDeadline = now + bounds.header }
            phase = .head
        } else if phase == .handling {
            phase = .idle
            readDeadline = now + bounds.idle
        }
    }

    /// A head is complete.
    mutating func beginRequest(keepsAlive: Bool) {
        // Its descriptor is somebody else's.
        guard phase != .closed else { return }
        phase = .handling
        requests += 1
        readDeadline = nil
        bodyAllowance = bounds.body
        bodyProgressBytes = 0
        clientKeepsAlive = keepsAlive
        isLastAnswer = false
    }

    /// What came is not a request: one answer, then the end.
    mutating func beginRefusal() {
        beginRequest(keepsAlive: false)
        isRefusal = true
    }

    /// Whether the answer that is about to be written ends the connection.
    var mustClose: Bool {
        !clientKeepsAlive || isDraining || requests >= bounds.maxRequests || isLastAnswer
    }

    /// An answer's head says `close`, or its end cannot be told otherwise.
    mutating func setLastAnswer() { isLastAnswer = true }

    /// Whether the client asked for this end itself, so that it sends nothing more.
    var clientExpectsClose: Bool { !clientKeepsAlive && !isRefusal }

    /// Whether nothing is lost when the connection closes now (RFC 9112, section 9.5: it may at any time).
    var isBetweenRequests: Bool { phase == .idle && requests > 0 }

    /// Nothing more is begun; true when nothing is in flight, so that the connection may close at once.
    mutating func drain() -> Bool {
        isDraining = true
        return phase == .idle
    }

    // MARK: Bodies

    mutating func awaitBody(now: LoopTime) {
        bodyWaitStart = now
        readDeadline = now + bodyAllowance
    }

    /// The wait for a body is over, whatever came of it.
    mutating func endBodyWait(now: LoopTime) {
        if let bodyWaitStart { bodyAllowance -= now - bodyWaitStart }
        bodyWaitStart = nil
        readDeadline = nil
    }

    /// Enough bytes renew the time for the next ones; fewer do not.
    mutating func receiveBody(bytes: Int) {
        bodyProgressBytes += bytes
        guard bodyProgressBytes >= bounds.minBodyProgressBytes else { return }
        bodyProgressBytes = 0
        bodyAllowance = bounds.body
    }

    // MARK: The client's end

    /// The client has ended its side while a handler works: it may still read, for a while.
    mutating func clientEnded(now: LoopTime) {
        guard phase == .handling, leftDeadline == nil else { return }
        leftDeadline = now + bounds.halfClose
    }

    /// Something of the request was read, or of the answer written, since the client has ended its side.
    mutating func progressAfterClientEnd(now: LoopTime) {
        if leftDeadline != nil { leftDeadline = now + bounds.halfClose }
    }

    /// An answer is complete.
    mutating func endRequest() { leftDeadline = nil }

    // MARK: Output

    /// The kernel takes no more for now.
    mutating func awaitWritable(now: LoopTime) { writeDeadline = now + bounds.write }

    mutating func endWritableWait() { writeDeadline = nil }

    // MARK: The end

    mutating func linger(now: LoopTime) {
        phase = .lingering
        readDeadline = now + bounds.linger
    }

    /// Whether more may be dropped.
    mutating func dropLingering(bytes: Int) -> Bool {
        lingerBytes += bytes
        return lingerBytes <= bounds.maxLingerBytes
    }

    mutating func close() {
        phase = .closed
        readDeadline = nil
        writeDeadline = nil
        leftDeadline = nil
    }
}
