import HTTPCore
import Testing

@testable import ScrapeService

@Suite struct HostLimiterTests {
    private let loop: EventLoop
    private let hosts: HostLimiter

    init() throws {
        loop = try EventLoop(name: "test-hosts")
        hosts = HostLimiter(loop: loop)
    }

    @Test func aHostAdmitsItsLimitAndOthersAreFree() async throws {
        try await hosts.acquire("http://a", limit: 2)
        try await hosts.acquire("http://a", limit: 2)
        try await hosts.acquire("http://b", limit: 1)
        let tally = Tally()
        let third = Task { [hosts] in
            try await hosts.acquire("http://a", limit: 2)
            tally.enter()
        }
        for _ in 0..<100 { await Task.yield() }
        #expect(tally.most == 0)
        hosts.release("http://a")
        try await third.value
    }

    @Test func aCancelledWaiterDoesNotBlockTheLine() async throws {
        try await hosts.acquire("http://a", limit: 1)
        let first = Task { try await hosts.acquire("http://a", limit: 1) }
        let second = Task { try await hosts.acquire("http://a", limit: 1) }
        for _ in 0..<100 { await Task.yield() }
        first.cancel()
        await #expect(throws: CancellationError.self) { try await first.value }
        hosts.release("http://a")
        try await second.value
    }

    @Test func aHeldHostWaitsAndAnotherDoesNot() async throws {
        let start = ContinuousClock.now
        hosts.hold("http://a", for: .milliseconds(200))
        try await hosts.acquire("http://b", limit: 1)
        #expect(ContinuousClock.now - start < .milliseconds(190))
        try await hosts.acquire("http://a", limit: 1)
        #expect(ContinuousClock.now - start >= .milliseconds(200))
    }

    @Test func cancellingAtRandomNeverLosesAPlace() async throws {
        await withTaskGroup(of: Void.self) { group in
            for number in 0..<1_000 {
                group.addTask { [hosts] in
                    let task = Task {
                        try await hosts.acquire("http://a", limit: 3)
                        await Task.yield()
                        hosts.release("http://a")
                    }
                    if number.isMultiple(of: 3) { task.cancel() }
                    _ = await task.result
                }
            }
        }
        for _ in 0..<3 { try await hosts.acquire("http://a", limit: 3) }
    }
}
