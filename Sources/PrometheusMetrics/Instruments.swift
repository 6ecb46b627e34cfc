import CoreMetrics
import Synchronization

/// Which line of the exposition an instrument writes to.
struct SeriesID: Hashable, Sendable {
    var name: String
    var labels: Labels
}

/// What the registry keeps: a handler that can be read.
protocol Instrument: AnyObject, Sendable {
    var id: SeriesID { get }
    /// Appends the samples of this series.
    func write(to text: inout ExpositionText)
}

/// Only grows: what is less than 0, or no number, is not added.
final class CounterInstrument: Instrument, CounterHandler, FloatingPointCounterHandler {
    let id: SeriesID
    private let whole = Atomic<UInt64>(0)
    private let fraction = AtomicDouble()

    init(_ id: SeriesID) { self.id = id }

    func increment(by amount: Int64) {
        guard amount > 0 else { return }
        whole.wrappingAdd(UInt64(amount), ordering: .relaxed)
    }

    func increment(by amount: Double) {
        guard amount > 0, amount.isFinite else { return }
        fraction.add(amount)
    }

    func reset() {
        whole.store(0, ordering: .relaxed)
        fraction.store(0)
    }

    func write(to text: inout ExpositionText) {
        let whole = whole.load(ordering: .relaxed)
        let fraction = fraction.value
        if fraction == 0 {
            text.sample(id.name, id.labels, whole)
        } else {
            text.sample(id.name, id.labels, Double(whole) + fraction)
        }
    }
}

/// Goes up and down: meters, and recorders that keep the last value only.
final class GaugeInstrument: Instrument, MeterHandler, RecorderHandler {
    let id: SeriesID
    private let value = AtomicDouble()

    init(_ id: SeriesID) { self.id = id }

    func set(_ value: Int64) { self.value.store(Double(value)) }
    func set(_ value: Double) { self.value.store(value) }
    func increment(by amount: Double) { value.add(amount) }
    func decrement(by amount: Double) { value.add(-amount) }
    func record(_ value: Int64) { set(value) }
    func record(_ value: Double) { set(value) }

    func write(to text: inout ExpositionText) { text.sample(id.name, id.labels, value.value) }
}
