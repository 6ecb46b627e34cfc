import Foundation
import Glibc

/// What /proc tells about the processes of a cluster (proc(5)).
struct ProcessTable {
    /// The cluster's data directory: every process of a server has it as its working directory.
    let directory: String

    /// The server itself, not one of its children and not a stranger who has its number now.
    func isPostmaster(_ pid: Int32) -> Bool {
        Self.isRunning(pid) && isOfCluster(pid) && !isServerChild(pid)
    }

    /// Processes of the cluster's server, dead or alive.
    func members() -> [Int32] {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
        return names.compactMap { Int32($0) }.filter { Self.isRunning($0) && isOfCluster($0) }
    }

    /// Backends and workers call themselves `postgres: …`.
    func isServerChild(_ pid: Int32) -> Bool {
        Self.commandLine(pid).hasPrefix("postgres: ")
    }

    /// False also for a zombie.
    static func isRunning(_ pid: Int32) -> Bool {
        guard let stat = OpenFile.text("/proc/\(pid)/stat"), let name = stat.lastIndex(of: ")") else {
            return false
        }
        return !stat[name...].hasPrefix(") Z") && !stat[name...].hasPrefix(") X")
    }

    private func isOfCluster(_ pid: Int32) -> Bool {
        guard OpenFile.text("/proc/\(pid)/comm") == "postgres\n" else { return false }
        var (own, theirs) = (stat(), stat())
        guard stat(directory, &own) == 0 else { return false }
        if stat("/proc/\(pid)/cwd", &theirs) == 0 {
            return own.st_dev == theirs.st_dev && own.st_ino == theirs.st_ino
        }
        // Root without CAP_SYS_PTRACE, as in most containers, may not look there.
        return Self.commandLine(pid).split(separator: "\0").contains { $0 == directory }
    }

    private static func commandLine(_ pid: Int32) -> String {
        OpenFile.text("/proc/\(pid)/cmdline") ?? ""
    }
}
