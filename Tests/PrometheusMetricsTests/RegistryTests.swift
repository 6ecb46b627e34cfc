import CoreMetrics
import Testing

@testable import PrometheusMetrics

@Suite struct RegistryTests {
    private func text(_ registry: PrometheusRegistry) -> String {
        String(decoding: registry.exposition(), as: UTF8.self)
    }

    @Test func everyKindHasItsLines() {
        let registry = PrometheusRegistry(
            help: ["a_total": "Counts.", "h_seconds": "Times."],
            buckets: ["h_seconds": [1, 0.5, 0.5, .infinity]])
        Counter(label: "a_total", dimensions: [("z", "1"), ("b", "2")], factory: registry).increment(by: 3)
        FloatingPointCounter(label: "f_total", factory: registry).increment(by: 0.25)
        Meter(label: "g", factory: registry).set(-1.5)
        Gauge(label: "last", factory: registry).record(7)
        let timer = CoreMetrics.Timer(label: "h_seconds", factory: registry)
        for milliseconds: Int64 in [500, 750, 1000, 2000] { timer.recordMilliseconds(milliseconds) }
        #expect(
            text(registry) == """
                # HELP a_total Counts.
                # TYPE a_total counter
                a_total{b="2",z="1"} 3
                # TYPE f_total counter
                f_total 0.25
                # TYPE g gauge
                g -1.5
                # HELP h_seconds Times.
                # TYPE h_seconds histogram
                h_seconds_bucket{le="0.5"} 1
                h_seconds_bucket{le="1"} 3
                h_seconds_bucket{le="+Inf"} 4
                h_seconds_sum 4.25
                h_seconds_count 4
                # TYPE last gauge
                last 7

                """)
    }

    @Test func aRecorderThatAggregatesIsAHistogram() {
        let registry = PrometheusRegistry(buckets: ["bytes": [10]])
        let recorder = Recorder(label: "bytes", dimensions: [("le", "mine")], factory: registry)
        recorder.record(10)
        recorder.record(10.5)
        recorder.record(Double.nan)
        #expect(
            text(registry) == """
                # TYPE bytes histogram
                bytes_bucket{exported_le="mine",le="10"} 1
                bytes_bucket{exported_le="mine",le="+Inf"} 2
                bytes_sum{exported_le="mine"} 20.5
                bytes_count{exported_le="mine"} 2

                """)
    }

    @Test(arguments: [
        (Double.nan, "NaN"), (.infinity, "+Inf"), (-.infinity, "-Inf"), (0, "0"), (-0.0, "0"), (3, "3"),
        (-2.5, "-2.5"), (0.0005, "0.0005"), (1e-07, "1e-07"), (123_456_789, "123456789"), (1e20, "1e+20"),
    ])
    func aNumberIsWrittenAsGoReadsIt(_ value: Double, _ expected: String) {
        #expect(ExpositionText.number(value) == expected)
    }

    @Test(arguments: [
        ("http.server.requests", "http_server_requests"), ("9lives", "_9lives"), ("a:b", "a:b"), ("", "_"),
        ("größe", "gr__e"), ("a b\n", "a_b_"),
    ])
    func aMetricsNameIsMadeValid(_ name: String, _ expected: String) {
        #expect(Names.metric(name) == expected)
    }

    @Test(arguments: [
        ([("a", "x")], #"a="x""#), ([("a", "\\ \" \n")], #"a="\\ \" \n""#),
        ([("a", "é\r\u{1F600}")], "a=\"é\r😀\""),
        ([("b", "1"), ("a", "2")], #"a="2",b="1""#), ([("a.b", "1"), ("a_b", "2")], #"a_b="1""#),
        ([("__name__", "x")], #"exported___name__="x""#), ([("a:b", "x")], #"a_b="x""#), ([], ""),
    ])
    func labelsAreSortedAndEscaped(_ dimensions: [(String, String)], _ expected: String) {
        #expect(Labels(dimensions).text == expected)
    }

    @Test func theSameMetricIsMadeOnce() {
        let registry = PrometheusRegistry()
        let first = registry.makeCounter(label: "a", dimensions: [("x", "1"), ("y", "2")])
        let second = registry.makeCounter(label: "a", dimensions: [("y", "2"), ("x", "1")])
        #expect(first === second)
    }

    @Test func aNameBelongsToOneKind() {
        let registry = PrometheusRegistry()
        registry.makeCounter(label: "a", dimensions: []).increment(by: 1)
        registry.makeMeter(label: "a", dimensions: []).set(Int64(5))
        registry.makeTimer(label: "t", dimensions: []).recordNanoseconds(1)
        registry.makeCounter(label: "t_count", dimensions: []).increment(by: 1)
        registry.makeCounter(label: "u_sum", dimensions: []).increment(by: 1)
        registry.makeTimer(label: "u", dimensions: []).recordNanoseconds(1)
        let lines = text(registry).split(separator: "\n").map(String.init)
        #expect(
            lines.filter { $0.hasPrefix("# TYPE") } == [
                "# TYPE a counter", "# TYPE t histogram", "# TYPE u_sum counter",
            ])
        #expect(lines.filter { $0.hasPrefix("t_count") } == ["t_count 1"])
        #expect(lines.contains("a 1"))
    }

    @Test func aCounterOnlyGrows() {
        let registry = PrometheusRegistry()
        let counter = registry.makeCounter(label: "a", dimensions: [])
        counter.increment(by: 2)
        counter.increment(by: -1)
        let floating = registry.makeFloatingPointCounter(label: "a", dimensions: [])
        floating.increment(by: .infinity)
        floating.increment(by: -3)
        #expect(text(registry).hasSuffix("\na 2\n"))
        counter.reset()
        #expect(text(registry).hasSuffix("\na 0\n"))
    }

    @Test func whatIsDestroyedIsShownNoMore() {
        let registry = PrometheusRegistry()
        let one = registry.makeCounter(label: "a", dimensions: [("n", "1")])
        let two = registry.makeCounter(label: "a", dimensions: [("n", "2")])
        registry.destroyCounter(one)
        #expect(text(registry) == "# TYPE a counter\na{n=\"2\"} 0\n")
        let again = registry.makeCounter(label: "a", dimensions: [("n", "1")])
        again.increment(by: 4)
        // The old handler's place is another's now.
        registry.destroyCounter(one)
        #expect(text(registry).contains("a{n=\"1\"} 4\n"))
        registry.destroyCounter(two)
        registry.destroyCounter(again)
        #expect(text(registry).isEmpty)
    }

    @Test func aNameFreedByDestroyingMayBeOfAnotherKind() {
        let registry = PrometheusRegistry()
        registry.destroyCounter(registry.makeCounter(label: "a", dimensions: []))
        registry.makeMeter(label: "a", dimensions: []).set(Int64(5))
        #expect(text(registry) == "# TYPE a gauge\na 5\n")
    }

    @Test func labelsThatNeverEndCostABoundedPart() {
        let registry = PrometheusRegistry()
        for number in 0...PrometheusRegistry.maxSeriesPerMetric {
            registry.makeCounter(label: "a", dimensions: [("n", "\(number)")]).increment(by: 1)
        }
        let samples = text(registry).split(separator: "\n").count - 1
        #expect(samples == PrometheusRegistry.maxSeriesPerMetric)
    }

    @Test func gaugesThatAreReadAreReadBeforeEachLook() {
        let registry = PrometheusRegistry()
        let meter = Meter(label: "looks", factory: registry)
        registry.beforeExposition { meter.increment() }
        #expect(text(registry).hasSuffix("looks 1\n"))
        #expect(text(registry).hasSuffix("looks 2\n"))
    }
}
