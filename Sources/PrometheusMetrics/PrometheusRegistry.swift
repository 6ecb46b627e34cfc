public import CoreMetrics
import Synchronization

/// Keeps metrics and writes them as Prometheus reads them (text exposition format 0.0.4).
///
/// A backend of swift-metrics: give it to `MetricsSystem.bootstrap`, or to whoever takes a `MetricsFactory`. Recording
/// takes no lock. Making the same metric twice gives the same one. A name that another kind of metric has already, or
/// one label set too many, gives a metric that counts but is not shown: nothing that is measured may stop a service.
public final class PrometheusRegistry: MetricsFactory {
    /// Of what ``exposition()`` returns.
    public static let contentType = "text/plain; version=0.0.4; charset=utf-8"
    /// Bounds of a histogram that has none of its own: seconds, from a cached answer to one nobody waits for.
    public static let defaultBuckets = [
        0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60,
    ]
    /// Label sets of one metric. 10 000: a label that takes what clients send must not eat the memory.
    public static let maxSeriesPerMetric = 10_000

    private enum Kind: String {
        case counter, gauge, histogram
    }

    private struct Metric {
        var kind: Kind
        var series: [Labels: any Instrument] = [:]
    }

    private struct State {
        var metrics: [String: Metric] = [:]
        var updates: [@Sendable () -> Void] = []
    }

    private let help: [String: String]
    private let buckets: [String: [Double]]
    private let state = Mutex(State())

    /// `help` and `buckets` by the metric's name; buckets are upper bounds, inclusive.
    public init(help: [String: String] = [:], buckets: [String: [Double]] = [:]) {
        self.help = help
        self.buckets = buckets
    }

    /// Calls `update` at the begin of each ``exposition()``: for gauges that are read, not told.
    public func beforeExposition(_ update: @escaping @Sendable () -> Void) {
        state.withLock { $0.updates.append(update) }
    }

    /// All metrics, by name, then by labels.
    public func exposition() -> [UInt8] {
        for update in state.withLock({ $0.updates }) { update() }
        let metrics = state.withLock { $0.metrics }
        var text = ExpositionText()
        for (name, metric) in metrics.sorted(by: { $0.key < $1.key }) {
            text.header(name, type: metric.kind.rawValue, help: help[name])
            for series in metric.series.sorted(by: { $0.key.text < $1.key.text }) {
                series.value.write(to: &text)
            }
        }
        return text.bytes
    }

    // MARK: Making

    public func makeCounter(label: String, dimensions: [(String, String)]) -> any CounterHandler {
        make(.counter, label, dimensions, CounterInstrument.init)
    }

    public func makeFloatingPointCounter(
        label: String, dimensions: [(String, String)]
    ) -> any FloatingPointCounterHandler {
        make(.counter, label, dimensions, CounterInstrument.init)
    }

    public func makeMeter(label: String, dimensions: [(String, String)]) -> any MeterHandler {
        make(.gauge, label, dimensions, GaugeInstrument.init)
    }

    public func makeRecorder(
        label: String, dimensions: [(String, String)], aggregate: Bool
    ) -> any RecorderHandler {
        if aggregate { return makeHistogram(label, dimensions) }
        return make(.gauge, label, dimensions, GaugeInstrument.init)
    }

    /// A histogram in seconds.
    public func makeTimer(label: String, dimensions: [(String, String)]) -> any TimerHandler {
        makeHistogram(label, dimensions)
    }

    private func makeHistogram(_ label: String, _ dimensions: [(String, String)]) -> HistogramInstrument {
        let bounds = Set(buckets[Names.metric(label)] ?? Self.defaultBuckets).filter(\.isFinite).sorted()
        return make(.histogram, label, dimensions) { HistogramInstrument($0, bounds: bounds) }
    }

    private func make<Made: Instrument>(
        _ kind: Kind, _ label: String, _ dimensions: [(String, String)], _ create: (SeriesID) -> Made
    ) -> Made {
        let labels = Labels(dimensions, reserved: kind == .histogram ? ["le"] : [])
        let id = SeriesID(name: Names.metric(label), labels: labels)
        return state.withLock { state in
            if state.metrics[id.name] == nil, !Self.isTaken(id.name, kind, state.metrics) {
                state.metrics[id.name] = Metric(kind: kind)
            }
            if let known = state.metrics[id.name]?.series[id.labels] as? Made { return known }
            let made = create(id)
            let count = state.metrics[id.name]?.series.count ?? .max
            if state.metrics[id.name]?.kind == kind, count < Self.maxSeriesPerMetric {
                state.metrics[id.name]?.series[id.labels] = made
            }
            return made
        }
    }

    /// A histogram's samples have three names of their own, which no other metric may have.
    private static let suffixes = ["_bucket", "_sum", "_count"]

    private static func isTaken(_ name: String, _ kind: Kind, _ metrics: [String: Metric]) -> Bool {
        if kind == .histogram, suffixes.contains(where: { metrics[name + $0] != nil }) { return true }
        return suffixes.contains { suffix in
            name.hasSuffix(suffix) && metrics[String(name.dropLast(suffix.count))]?.kind == .histogram
        }
    }

    // MARK: Destroying

    public func destroyCounter(_ handler: any CounterHandler) { destroy(handler) }
    public func destroyFloatingPointCounter(_ handler: any FloatingPointCounterHandler) { destroy(handler) }
    public func destroyMeter(_ handler: any MeterHandler) { destroy(handler) }
    public func destroyRecorder(_ handler: any RecorderHandler) { destroy(handler) }
    public func destroyTimer(_ handler: any TimerHandler) { destroy(handler) }

    /// Takes the series out; the metric goes with its last one.
    private func destroy(_ handler: AnyObject) {
        guard let instrument = handler as? any Instrument else { return }
        let id = instrument.id
        state.withLock { state in
            guard state.metrics[id.name]?.series[id.labels] === instrument else { return }
            state.metrics[id.name]?.series[id.labels] = nil
            if state.metrics[id.name]?.series.isEmpty == true { state.metrics[id.name] = nil }
        }
    }
}
