import CAllocationCounter
import Glibc
import HTTPCore
import Logging

/// `AllocationBenchmark`: prints the allocations a request of each scenario costs, "NUMBER<tab>NAME" a line.
///
/// Server and client are one process; the client allocates nothing while it is counted.
@main
struct AllocationBenchmark {
    /// Before counting: buffers have grown, caches are filled.
    private static let warmUpRequests = 320
    private static let requests = 3200

    static func main() async throws {
        let loop = try EventLoop(name: "http")
        let server = Server(loop: loop, logger: Logger(label: "allocations"), responder: Routes.make())
        let port = try await server.start(host: "127.0.0.1", port: 0)
        precondition(allocation_count() > 0, "malloc is not the one that counts")
        for scenario in Scenario.all {
            let tenths = (allocationsPerRequest(of: scenario, port: port) * 10).rounded() / 10
            print("\(tenths)\t\(scenario.name)")
        }
        await server.shutdown()
        loop.stop()
    }

    private static func allocationsPerRequest(of scenario: Scenario, port: Int) -> Double {
        let client = Client(port: port, scenario: scenario)
        defer { client.close() }
        client.exchange(times: warmUpRequests / scenario.depth)
        let before = allocation_count()
        client.exchange(times: requests / scenario.depth)
        return Double(allocation_count() - before) / Double(requests)
    }
}
