public import CoreMetrics
import Glibc
import Synchronization

/// The process's memory, CPU time and descriptors under Prometheus's standard `process_` names.
///
/// Reads `/proc`: call ``update()`` before each scrape, and not where it must not wait for the kernel.
public final class ProcessMetrics: Sendable {
    /// For a registry that shows help texts.
    public static let help = [
        "process_cpu_seconds_total": "User and system CPU time spent, in seconds.",
        "process_open_fds": "Open file descriptors.",
        "process_max_fds": "Descriptors the process may open at once.",
        "process_resident_memory_bytes": "Resident memory, in bytes.",
        "process_virtual_memory_bytes": "Virtual memory, in bytes.",
        "process_start_time_seconds": "When the process started, in seconds since 1970.",
    ]

    private let cpuSeconds: FloatingPointCounter
    private let openDescriptors: Meter
    private let maxDescriptors: Meter
    private let residentBytes: Meter
    private let virtualBytes: Meter
    private let countedCPUSeconds = Mutex(0.0)

    /// Makes the metrics with `factory` and reads them once.
    public init(factory: any MetricsFactory) {
        cpuSeconds = FloatingPointCounter(label: "process_cpu_seconds_total", factory: factory)
        openDescriptors = Meter(label: "process_open_fds", factory: factory)
        maxDescriptors = Meter(label: "process_max_fds", factory: factory)
        residentBytes = Meter(label: "process_resident_memory_bytes", factory: factory)
        virtualBytes = Meter(label: "process_virtual_memory_bytes", factory: factory)
        let startTime = Meter(label: "process_start_time_seconds", factory: factory)
        if let seconds = Self.startTime() { startTime.set(seconds) }
        update()
    }

    /// Reads everything again.
    public func update() {
        countedCPUSeconds.withLock { counted in
            let used = Self.cpuTime()
            cpuSeconds.increment(by: used - counted)
            counted = max(counted, used)
        }
        if let count = Self.countDescriptors() { openDescriptors.set(count) }
        var limit = rlimit()
        if getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 {
            maxDescriptors.set(Double(limit.rlim_cur))
        }
        // proc(5), statm: total size and resident set, in pages.
        let pages = Self.read("/proc/self/statm").split(separator: " ").prefix(2).compactMap { Double($0) }
        if pages.count == 2 {
            let pageBytes = Double(sysconf(Int32(_SC_PAGESIZE)))
            virtualBytes.set(pages[0] * pageBytes)
            residentBytes.set(pages[1] * pageBytes)
        }
    }

    private static func cpuTime() -> Double {
        var time = timespec()
        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
    }

    /// Boot time and ticks since then: proc(5), stat, field 22, counted behind the name, which may hold anything.
    private static func startTime() -> Double? {
        let afterName = read("/proc/self/stat").split(separator: ")").last?.split(separator: " ") ?? []
        let boot = read("/proc/stat").split(separator: "\n").first { $0.hasPrefix("btime ") }
        guard afterName.count > 19, let ticks = Double(afterName[19]),
            let bootSeconds = boot?.split(separator: " ").last.flatMap({ Double($0) })
        else { return nil }
        return bootSeconds + ticks / Double(sysconf(Int32(_SC_CLK_TCK)))
    }

    private static func countDescriptors() -> Int? {
        guard let directory = opendir("/proc/self/fd") else { return nil }
        defer { closedir(directory) }
        var count = 0
        while readdir(directory) != nil { count += 1 }
        // Without ".", ".." and the directory's own descriptor.
        return count - 3
    }

    /// A file of `/proc` as text; empty where it cannot be read.
    private static func read(_ path: String) -> String {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return "" }
        defer { close(descriptor) }
        var bytes: [UInt8] = []
        while true {
            let count = withUnsafeTemporaryAllocation(byteCount: 4096, alignment: 1) { buffer in
                let count = Glibc.read(descriptor, buffer.baseAddress, buffer.count)
                if count > 0 { bytes.append(contentsOf: buffer[..<count]) }
                return count
            }
            guard count > 0 else { return String(decoding: bytes, as: UTF8.self) }
        }
    }
}
