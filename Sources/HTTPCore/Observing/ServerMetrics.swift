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
        var status: Int
        var method: HTTPRequest.Method?
        var route: String?
    }

    /// The handlers of one method, route and status.
    private struct Series {
        let requests: any CounterHandler
        let duration: any TimerHandler
        let requestBytes: any CounterHandler
        let responseBytes: any CounterHandler
    }

    private struct Lookup {
        var series: [Key: Series] = [:]
        /// Most requests are like the one before.
        var last: (key: Key, series: Series)?
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
        let series = series(Key(status: summary.status, method: summary.method, route: summary.route))
        series.requests.increment(by: 1)
        let (seconds, attoseconds) = summary.duration.components
        series.duration.recordNanoseconds(seconds * 1_000_000_000 + attoseconds / 1_000_000_000)
        if summary.requestBodyBytes > 0 { series.requestBytes.increment(by: Int64(summary.requestBodyBytes)) }
        series.responseBytes.increment(by: Int64(summary.responseBytes))
    }

    // MARK: Series

    private func series(_ key: Key) -> Series {
        lookup.withLock { lookup in
            if let last = lookup.last, last.key == key { return last.series }
            let series = find(key, &lookup)
            lookup.last = (key, series)
            return series
        }
    }

    private func find(_ key: Key, _ lookup: inout Lookup) -> Series {
        if let known = lookup.series[key] { return known }
        let method = Self.label(key.method)
        let made = makeSeries(method, key.route ?? "none", key.status)
        // Methods of clients' own invention share one series, and are not remembered.
        if method != "other" { lookup.series[key] = made }
        return made
    }

    private func makeSeries(_ method: String, _ route: String, _ status: Int) -> Series {
        let dimensions = [("method", method), ("route", route)]
        let requests = dimensions + [("status", String(status))]
        return Series(
            requests: factory.makeCounter(label: Names.requests, dimensions: requests),
            duration: factory.makeTimer(label: Names.duration, dimensions: dimensions),
            requestBytes: factory.makeCounter(label: Names.requestBytes, dimensions: dimensions),
            responseBytes: factory.makeCounter(label: Names.responseBytes, dimensions: dimensions))
    }

    private static let knownMethods: Set<HTTPRequest.Method> = [
        .get, .head, .post, .put, .delete, .connect, .options, .trace, .patch,
    ]

    private static func label(_ method: HTTPRequest.Method?) -> String {
        guard let method else { return "none" }
        return knownMethods.contains(method) ? method.rawValue : "other"
    }
}
