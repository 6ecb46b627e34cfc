import CoreMetrics
import Synchronization

/// Counts values by fixed buckets: timers, in seconds, and recorders that aggregate.
// @unchecked: the pointer never changes, and what it points to is atomic.
final class HistogramInstrument: Instrument, TimerHandler, RecorderHandler, @unchecked Sendable {
    let id: SeriesID
    /// Upper bounds, inclusive, ascending and finite.
    private let bounds: [Double]
    /// Values of one bucket each, not cumulated; the last one is for what exceeds every bound.
    private let counts: UnsafeMutablePointer<Atomic<UInt64>>
    private let sum = AtomicDouble()

    init(_ id: SeriesID, bounds: [Double]) {
        self.id = id
        self.bounds = bounds
        counts = .allocate(capacity: bounds.count + 1)
        for index in 0...bounds.count { (counts + index).initialize(to: Atomic(0)) }
    }

    deinit {
        counts.deinitialize(count: bounds.count + 1)
        counts.deallocate()
    }

    func recordNanoseconds(_ duration: Int64) { record(Double(duration) / 1e9) }
    func record(_ value: Int64) { record(Double(value)) }

    func record(_ value: Double) {
        guard !value.isNaN else { return }
        var index = 0
        while index < bounds.count, value > bounds[index] { index += 1 }
        counts[index].wrappingAdd(1, ordering: .relaxed)
        sum.add(value)
    }

    /// The count is the last bucket's, so that the two never differ while others record.
    func write(to text: inout ExpositionText) {
        var total: UInt64 = 0
        for index in 0...bounds.count {
            total &+= counts[index].load(ordering: .relaxed)
            let bound = index < bounds.count ? bounds[index] : .infinity
            text.sample(id.name + "_bucket", id.labels, bound: bound, total)
        }
        text.sample(id.name + "_sum", id.labels, sum.value)
        text.sample(id.name + "_count", id.labels, total)
    }
}
