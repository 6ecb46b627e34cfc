import CoreMetrics
import Foundation
import Testing

@testable import PrometheusMetrics

/// Threads, not tasks: two cores must really write at once.
@Suite struct ConcurrencyTests {
    private static let threads = 8
    private static let rounds = 20_000

    /// Runs `body` on eight threads at once and returns when all have ended.
    private func onThreads(_ body: @escaping @Sendable (Int) -> Void) {
        DispatchQueue.concurrentPerform(iterations: Self.threads, execute: body)
    }

    @Test func nothingIsLostWhileThreadsRecordAndOneReads() throws {
        let registry = PrometheusRegistry(buckets: ["t": [0.5]])
        onThreads { thread in
            let counter = Counter(label: "c", factory: registry)
            let floating = FloatingPointCounter(label: "f", factory: registry)
            let meter = Meter(label: "m", factory: registry)
            let timer = CoreMetrics.Timer(label: "t", factory: registry)
            for round in 0..<Self.rounds {
                counter.increment()
                floating.increment(by: 0.5)
                meter.increment(by: 2)
                meter.decrement(by: 1)
                timer.recordMilliseconds(round % 2 == 0 ? 250 : 750)
                if thread == 0, round % 1000 == 0 { _ = registry.exposition() }
            }
        }
        let total = Self.threads * Self.rounds
        let lines = Set(String(decoding: registry.exposition(), as: UTF8.self).split(separator: "\n"))
        for expected in [
            "c \(total)", "f \(total / 2)", "m \(total)", "t_bucket{le=\"0.5\"} \(total / 2)",
            "t_bucket{le=\"+Inf\"} \(total)", "t_count \(total)", "t_sum \(total / 2)",
        ] {
            #expect(lines.contains(Substring(expected)), "\(expected)")
        }
    }

    @Test func aHistogramsCountIsItsLastBucketAtEveryLook() {
        let registry = PrometheusRegistry(buckets: ["t": [1]])
        let recorder = Recorder(label: "t", factory: registry)
        onThreads { thread in
            guard thread == 0 else {
                for _ in 0..<Self.rounds { recorder.record(2) }
                return
            }
            for _ in 0..<500 {
                let lines = String(decoding: registry.exposition(), as: UTF8.self).split(separator: "\n")
                let last = lines.first { $0.hasPrefix("t_bucket{le=\"+Inf\"}") }?.split(separator: " ").last
                let count = lines.first { $0.hasPrefix("t_count") }?.split(separator: " ").last
                #expect(last != nil && last == count)
            }
        }
    }

    @Test func makingAndDestroyingAtOnceLeavesWhatWasMadeLast() {
        let registry = PrometheusRegistry()
        onThreads { thread in
            for _ in 0..<500 {
                let counter = registry.makeCounter(label: "c", dimensions: [("thread", "\(thread)")])
                counter.increment(by: 1)
                registry.destroyCounter(counter)
            }
            registry.makeCounter(label: "c", dimensions: [("thread", "\(thread)")]).increment(by: 1)
        }
        let lines = String(decoding: registry.exposition(), as: UTF8.self).split(separator: "\n").dropFirst()
        #expect(lines.elementsEqual((0..<Self.threads).map { "c{thread=\"\($0)\"} 1" }, by: { $0 == $1 }))
    }
}
