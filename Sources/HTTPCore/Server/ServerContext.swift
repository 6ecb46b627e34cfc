import Glibc
import Logging

/// What all connections of a server share.
// @unchecked: the variables are touched on the loop's thread only.
final class ServerContext: @unchecked Sendable {
    /// One read takes at most this much; all connections share the buffer, so an idle one holds none. 64 KiB.
    static let maxReadBytes = 64 << 10

    let loop: EventLoop
    /// Connections' tasks suspend at every request.
    let preference: LoopPreference
    let limits: ServerLimits
    let wireLimits: WireLimits
    let bounds: ConnectionState.Bounds
    let logger: Logger
    let responder: any Responder
    let observer: (any ServerObserver)?
    let errorResponse: @Sendable (HTTPError, String) -> Response
    let readBuffer = UnsafeMutableRawBufferPointer.allocate(byteCount: maxReadBytes, alignment: 16)
    /// What the connection at work has written; empty whenever another one may be.
    let writer = ByteWriter()
    /// The head that was read last: the next one goes into the same memory, unless a handler keeps its request.
    let head = UnsafeMutablePointer<RequestHead>.allocate(capacity: 1)
    var counters = ServerCounters()
    var whenClosed: (Connection) -> Void = { _ in }
    private var dateSecond = 0
    private var cachedDate: [UInt8] = []

    init(
        loop: EventLoop, limits: ServerLimits, logger: Logger, responder: any Responder,
        observer: (any ServerObserver)?, errorResponse: @escaping @Sendable (HTTPError, String) -> Response
    ) {
        self.loop = loop
        preference = LoopPreference(loop)
        self.limits = limits
        wireLimits = limits.wire
        bounds = ConnectionState.Bounds(limits)
        self.logger = logger
        self.responder = responder
        self.observer = observer
        head.initialize(to: RequestHead())
        self.errorResponse = errorResponse
    }

    deinit {
        readBuffer.deallocate()
        head.deinitialize(count: 1)
        head.deallocate()
    }

    /// Counts what a client was turned away or cut off for.
    func note(_ cause: RefusalCause) {
        counters.causes[cause, default: 0] += 1
        observer?.refused(cause)
    }

    /// `Date: …` and CRLF, made once a second.
    var date: [UInt8] {
        let second = time(nil)
        if second != dateSecond {
            dateSecond = second
            cachedDate = Array("Date: \(HTTPDate.format(secondsSinceEpoch: second))\r\n".utf8)
        }
        return cachedDate
    }
}

/// What a server has done so far.
public struct ServerCounters: Hashable, Sendable {
    /// Connections accepted, those that were turned away included.
    public var acceptedConnections = 0
    /// Connections open now.
    public var openConnections = 0
    /// Requests whose head was understood.
    public var requests = 0
    /// Requests that no handler saw, by the status they were answered with.
    public var refusals: [Int: Int] = [:]
    /// Clients turned away or cut off, by cause.
    public var causes: [RefusalCause: Int] = [:]
    /// Idle connections closed to make room for new ones.
    public var shedConnections = 0
}
