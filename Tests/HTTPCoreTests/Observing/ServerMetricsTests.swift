import HTTPCore
import HTTPTypes
import MetricsTestKit
import Testing

@Suite struct ServerMetricsTests {
    private let factory = TestMetrics()

    private func count(_ label: String, _ dimensions: [(String, String)]) -> Int64? {
        try? factory.expectCounter(label, dimensions).totalValue
    }

    @Test func requestsAreCountedByMethodRouteAndStatus() throws {
        let metrics = ServerMetrics(factory: factory)
        for status in [200, 200, 404] { metrics.requestEnded(.make(status: status, requestBodyBytes: 5)) }
        metrics.requestEnded(.make(.post))
        let get = [("method", "GET"), ("route", "/v1/jobs/{id}")]
        #expect(count("http_server_requests_total", get + [("status", "200")]) == 2)
        #expect(count("http_server_requests_total", get + [("status", "404")]) == 1)
        #expect(count("http_server_request_body_bytes_total", get) == 15)
        #expect(count("http_server_response_bytes_total", get) == 300)
        let timer = try factory.expectTimer("http_server_request_duration_seconds", get)
        #expect(timer.values == [2_000_000, 2_000_000, 2_000_000])
    }

    @Test func pathsAndMethodsThatClientsInventMakeNoNewSeries() throws {
        let metrics = ServerMetrics(factory: factory)
        for number in 0..<50 {
            let method = try #require(HTTPRequest.Method("INVENTED-\(number)"))
            metrics.requestEnded(.make(method, route: nil, path: "/\(number)", status: 404))
        }
        metrics.requestEnded(.make(nil, route: nil, path: "", status: 400))
        let requests = factory.counters.filter { $0.label == "http_server_requests_total" }
        #expect(requests.count == 2)
        let other = [("method", "other"), ("route", "none"), ("status", "404")]
        #expect(count("http_server_requests_total", other) == 50)
        #expect(
            count("http_server_requests_total", [("method", "none"), ("route", "none"), ("status", "400")])
                == 1)
    }

    @Test func connectionsGoUpAndDown() throws {
        let metrics = ServerMetrics(factory: factory)
        for _ in 0..<3 { metrics.connectionOpened() }
        metrics.connectionClosed()
        #expect(count("http_server_connections_total", []) == 3)
        let open = try factory.expectMeter("http_server_open_connections")
        #expect(open.lastValue == 2)
    }

    @Test func everyCauseOfRefusalIsThereBeforeItsFirstTime() throws {
        let metrics = ServerMetrics(factory: factory)
        let causes = factory.counters.filter { $0.label == "http_server_refusals_total" }
        #expect(causes.count == RefusalCause.allCases.count)
        metrics.refused(.headerTimeout)
        #expect(count("http_server_refusals_total", [("cause", "header_timeout")]) == 1)
    }

    @Test func everyMetricHasAHelpText() {
        let metrics = ServerMetrics(factory: factory)
        metrics.requestEnded(.make(requestBodyBytes: 1))
        let made = Set(
            factory.counters.map(\.label) + factory.meters.map(\.label) + factory.timers.map(\.label))
        #expect(made == Set(ServerMetrics.help.keys))
    }

    @Test func severalObserversAreEachTold() throws {
        let other = TestMetrics()
        let observers = ServerObservers([ServerMetrics(factory: factory), ServerMetrics(factory: other)])
        observers.connectionOpened()
        observers.requestEnded(.make())
        observers.refused(.malformed)
        observers.connectionClosed()
        for factory in [factory, other] {
            let requests = [("method", "GET"), ("route", "/v1/jobs/{id}"), ("status", "200")]
            #expect(try factory.expectCounter("http_server_requests_total", requests).totalValue == 1)
            #expect(
                try factory.expectCounter("http_server_refusals_total", [("cause", "malformed")]).totalValue
                    == 1)
            #expect(try factory.expectMeter("http_server_open_connections").lastValue == 0)
        }
    }
}
