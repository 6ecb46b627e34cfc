public import CoreMetrics
import HTTPTypes
import Synchronization

/// Records what a server does through swift-metrics, under Prometheus's naming rules.
///
/// The labels are bounded: a route is its pattern, `none` where no route answered; a method that is not RFC 9110's or
/// PATCH is `other`, and `none` for what was no request.
public final class ServerMetrics: ServerObserver {
    /// What each metric means, for a backend that shows it.
    public static let help = [
        Names.requests: "Requests answered, or cut off, by method, route and status.",
        Names.duration: "From the end of a request's head to the end of its answer, in seconds.",
        Names.requestBytes: "Bytes of request bodies, decoded.",
        Names.responseBytes: "Bytes of answers: heads, framing and content.",
        Names.openConnections: "Connections open now.",
        Names.connections: "Connections accepted.",
        Names.refusals: "Clients turned away or cut off, by cause.",
    ]

    private enum Names {
        static let requests = "http_server_requests_total"
        static let duration = "http_server_request_duration_seconds"
        static let requestBytes = "http_server_request_body_bytes_total"
        static let responseBytes = "http_server_response_bytes_total"
        static let openConnections = "http_server_open_connections"
        static let connections = "http_server_connections_total"
        static let refusals = "http_server_refusals_total"
    }

    private struct Key: Hashable {
        let status: Int
        let method: HTTPRequest.Method?
        let route: String?

        init(_ summary: RequestSummary) {
            status = summary.status
            method = summary.method
            route = summary.route
        }
    }

    /// The handlers of one method, route and status.
    private final class Series: Sendable {
        let key: Key
        let requests: any CounterHandler
        let duration: any TimerHandler
        let requestBytes: any CounterHandler
        let responseBytes: any CounterHandler

        init(_ key: Key, method: String, factory: any MetricsFactory) {
            self.key = key
            let dimensions = [("method", method), ("route", key.route ?? "none")]
            requests = factory.makeCounter(
                label: Names.requests, dimensions: dimensions + [("status", String(key.status))])
            duration = factory.makeTimer(label: Names.duration, dimensions: dimensions)
            requestBytes = factory.makeCounter(label: Names.requestBytes, dimensions: dimensions)
            responseBytes = factory.makeCounter(label: Names.responseBytes, dimensions: dimensions)
        }

        /// Cheap where the strings are the same ones, as a route's are.
        func isFor(_ summary: RequestSummary) -> Bool {
            key.status == summary.status && key.method == summary.method && key.route == summary.route
        }

        func record(_ summary: RequestSummary) {
            requests.increment(by: 1)
            duration.recordNanoseconds(summary.duration.nanoseconds)
            if summary.requestBodyBytes > 0 { requestBytes.increment(by: Int64(summary.requestBodyBytes)) }
            responseBytes.increment(by: Int64(summary.responseBytes))
        }
    }

    /// Finds a request's handlers, mostly without hashing its strings.
    private struct Lookup {
        /// A power of two, some times the routes of a large service.
        private static let slots = 256

        private var recent: [Series?] = Array(repeating: nil, count: slots)
        private var all: [Key: Series] = [:]

        mutating func series(for summary: RequestSummary, _ make: (Key) -> Series) -> Series {
            let slot = Self.slot(summary)
            if let series = recent[slot], series.isFor(summary) { return series }
            let key = Key(summary)
            let series = all[key] ?? make(key)
            // Methods of clients' own invention share their counters, and are not remembered.
            if ServerMetrics.isKnown(key.method) {
                all[key] = series
                recent[slot] = series
            }
            return series
        }

        private static func slot(_ summary: RequestSummary) -> Int {
            let method = summary.method?.rawValue.utf8.count ?? 0
            let route = summary.route?.utf8.count ?? 0
            return (summary.status &+ method &* 67 &+ route &* 131) & (slots - 1)
        }
    }

    private let factory: any MetricsFactory
    private let openConnections: any MeterHandler
    private let connections: any CounterHandler
    private let refusals: [RefusalCause: any CounterHandler]
    private let lookup = Mutex(Lookup())

    /// Takes swift-metrics' global factory unless it is given another one.
    public init(factory: any MetricsFactory = MetricsSystem.factory) {
        self.factory = factory
        openConnections = factory.makeMeter(label: Names.openConnections, dimensions: [])
        connections = factory.makeCounter(label: Names.connections, dimensions: [])
        // All of them from the start: a rate needs the zero before the one.
        refusals = Dictionary(
            uniqueKeysWithValues: RefusalCause.allCases.map { cause in
                (cause, factory.makeCounter(label: Names.refusals, dimensions: [("cause", cause.rawValue)]))
            })
    }

    public func connectionOpened() {
        connections.increment(by: 1)
        openConnections.increment(by: 1)
    }

    public func connectionClosed() { openConnections.decrement(by: 1) }

    public func refused(_ cause: RefusalCause) { refusals[cause]?.increment(by: 1) }

    public func requestEnded(_ summary: RequestSummary) {
        let series = lookup.withLock { lookup in
            lookup.series(for: summary) { Series($0, method: Self.label($0.method), factory: factory) }
        }
        series.record(summary)
    }

    // MARK: Methods

    private static func isKnown(_ method: HTTPRequest.Method?) -> Bool {
        method.map(HTTPRequest.Method.registered.contains) ?? true
    }

    private static func label(_ method: HTTPRequest.Method?) -> String {
        guard let method else { return "none" }
        return isKnown(method) ? method.rawValue : "other"
    }
}
