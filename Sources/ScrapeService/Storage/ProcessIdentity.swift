import Foundation
import Glibc

/// Which process a replica row belongs to, so that a restart on the same machine can tell that the former one
/// is gone.
struct ProcessIdentity: Hashable, Sendable {
    /// Where a pid means something: host name, boot id and pid namespace. Nil where /proc does not tell.
    var place: String?
    var pid: Int
    /// Clock ticks since boot (proc(5), `stat` field 22): another process with the same pid has another.
    var start: Int64

    static func current() -> ProcessIdentity {
        let pid = Int(getpid())
        return ProcessIdentity(place: currentPlace(), pid: pid, start: start(of: pid) ?? 0)
    }

    /// Whether the process still runs; only meaningful in this place.
    var isAlive: Bool { Self.start(of: pid) == start }

    private static func currentPlace() -> String? {
        guard let boot = try? String(contentsOfFile: "/proc/sys/kernel/random/boot_id", encoding: .utf8),
            let namespace = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/ns/pid")
        else { return nil }
        return "\(ProcessInfo.processInfo.hostName) \(boot.trimmed) \(namespace)"
    }

    /// Nil where there is no such process, or only its zombie.
    static func start(of pid: Int) -> Int64? {
        guard let stat = try? String(contentsOfFile: "/proc/\(pid)/stat", encoding: .utf8),
            // The command may hold anything, parentheses too: fields count from behind the last one.
            let end = stat.lastIndex(of: ")")
        else { return nil }
        let fields = stat[stat.index(after: end)...].split(separator: " ")
        guard fields.count > 19, fields[0] != "Z", fields[0] != "X" else { return nil }
        return Int64(fields[19])
    }
}
