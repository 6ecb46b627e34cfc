import Foundation
import Testing

@testable import PrometheusMetrics

@Suite struct ProcessMetricsTests {
    private func values(_ registry: PrometheusRegistry) -> [String: Double] {
        let lines = String(decoding: registry.exposition(), as: UTF8.self).split(separator: "\n")
        return Dictionary(
            uniqueKeysWithValues: lines.filter { $0.first != "#" }.compactMap { line in
                let parts = line.split(separator: " ")
                return Double(parts[1]).map { (String(parts[0]), $0) }
            })
    }

    @Test func theProcessTellsWhatItUses() throws {
        let registry = PrometheusRegistry(help: ProcessMetrics.help)
        let process = ProcessMetrics(factory: registry)
        let first = values(registry)
        #expect(Set(first.keys) == Set(ProcessMetrics.help.keys))
        #expect(first["process_resident_memory_bytes"] ?? 0 > 1_000_000)
        #expect(first["process_virtual_memory_bytes"] ?? 0 > first["process_resident_memory_bytes"] ?? 0)
        let started = try #require(first["process_start_time_seconds"])
        let now = Date().timeIntervalSince1970
        #expect(started > now - 86_400 && started <= now + 1)
        let handles = (0..<10).map { _ in open("/dev/null", O_RDONLY) }
        process.update()
        #expect(values(registry)["process_open_fds"] ?? 0 >= 10)
        for handle in handles { close(handle) }
        var spent = 0
        for number in 0..<3_000_000 { spent ^= number.hashValue }
        process.update()
        let cpu = try #require(values(registry)["process_cpu_seconds_total"])
        #expect(cpu > first["process_cpu_seconds_total"] ?? 0, "\(spent)")
    }
}
