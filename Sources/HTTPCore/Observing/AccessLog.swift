import HTTPTypes
public import Logging
import Synchronization

/// Logs one line a request, at level info, without query and field values: those may hold secrets.
///
/// Lines are made and written on a thread of its own, so that neither a slow log nor a full pipe holds the server up.
/// It must be told to ``stop()``.
public final class AccessLog: ServerObserver {
    /// Requests that wait for their line; what exceeds them is counted instead. 16 384: a few MB, a tenth of a second
    /// of the fastest traffic.
    public static let maxPending = 16_384

    private struct Pending {
        var summaries: [RequestSummary] = []
        var omitted = 0
        var isScheduled = false
        var isStopped = false
    }

    private let logger: Logger
    private let loop: EventLoop
    private let pending = Mutex(Pending())

    /// `logger` decides on the form; its level is asked once. Throws where no thread can be had.
    public init(logger: Logger) throws(SystemError) {
        self.logger = logger
        loop = try EventLoop(name: "access-log")
        if logger.logLevel > .info { pending.withLock { $0.isStopped = true } }
    }

    /// Writes what waits and ends. Twice is fine.
    public func stop() {
        pending.withLock { $0.isStopped = true }
        loop.stop()
    }

    public func connectionOpened() {}
    public func connectionClosed() {}
    /// Nothing: a refused request ends as well, and a refused connection has none.
    public func refused(_ cause: RefusalCause) {}

    public func requestEnded(_ summary: RequestSummary) {
        let mustSchedule = pending.withLock { pending in
            if pending.isStopped { return false }
            guard pending.summaries.count < Self.maxPending else {
                pending.omitted += 1
                return false
            }
            pending.summaries.append(summary)
            defer { pending.isScheduled = true }
            return !pending.isScheduled
        }
        if mustSchedule { loop.execute { self.writePending() } }
    }

    private func writePending() {
        let (summaries, omitted) = pending.withLock { pending in
            let taken = (pending.summaries, pending.omitted)
            pending = Pending(isStopped: pending.isStopped)
            return taken
        }
        for summary in summaries { logger.info("request", metadata: Self.metadata(summary)) }
        if omitted > 0 {
            logger.warning(
                "requests were not logged: the log is too slow", metadata: ["count": .init(omitted)])
        }
    }

    private static func metadata(_ summary: RequestSummary) -> Logger.Metadata {
        var metadata: Logger.Metadata = [
            "path": .string(summary.path),
            "status": .init(summary.status),
            "complete": .init(summary.isComplete),
            "request_bytes": .init(summary.requestBodyBytes),
            "response_bytes": .init(summary.responseBytes),
            "duration_ms": .init(milliseconds(summary.duration)),
            "request_id": .string(summary.id),
        ]
        if let method = summary.method { metadata["method"] = .string(method.rawValue) }
        if let route = summary.route { metadata["route"] = .string(route) }
        if let address = summary.remoteAddress { metadata["remote_address"] = .string(address) }
        return metadata
    }

    /// To the microsecond.
    private static func milliseconds(_ duration: Duration) -> Double {
        (duration / .microseconds(1)).rounded() / 1000
    }
}

extension Logger.MetadataValue {
    /// Keeps the number: a handler that writes JSON can tell it from text.
    fileprivate init(_ value: some CustomStringConvertible & Sendable) { self = .stringConvertible(value) }
}
