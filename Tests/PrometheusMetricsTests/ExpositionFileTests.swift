import CoreMetrics
import Foundation
import Testing

@testable import PrometheusMetrics

/// The end-to-end tests read the same file with the parser of Python's own client.
@Suite struct ExpositionFileTests {
    static let file = URL(filePath: #filePath).deletingLastPathComponent()
        .appending(path: "Fixtures/hostile.prom")

    @Test func hostileNamesAndValuesAreWrittenAsInTheFile() throws {
        let registry = PrometheusRegistry(
            help: [
                "calls_total": "A \\ backslash, a \"quote\",\r\nand a second line.", "empty": "",
                "wait_seconds": "Büro ☕",
            ],
            buckets: ["wait_seconds": [0.001, 0.25, 10]])
        for value in ["", "a\\b", "\"", "\n", "\r\n", "a,b=\"c\"}", "é ☕ 😀", "\u{0}", " lead", "\\n"] {
            Counter(label: "calls.total", dimensions: [("value", value), ("kind", "x")], factory: registry)
                .increment()
        }
        for (name, value) in [
            ("nan", Double.nan), ("inf", .infinity), ("-inf", -.infinity), ("tiny", .leastNonzeroMagnitude),
        ] {
            Meter(label: "level", dimensions: [("name", name)], factory: registry).set(value)
        }
        Meter(label: "empty", factory: registry).set(0)
        let wait = CoreMetrics.Timer(label: "wait_seconds", dimensions: [("le", "mine")], factory: registry)
        for nanoseconds: Int64 in [1_000_000, 250_000_000, 250_000_001, 60_000_000_000] {
            wait.recordNanoseconds(nanoseconds)
        }
        Counter(label: "large_total", factory: registry).increment(by: Int64.max)
        let expected = try Data(contentsOf: Self.file)
        let exposition = Data(registry.exposition())
        #expect(exposition == expected, "\(String(decoding: exposition, as: UTF8.self))")
    }
}
