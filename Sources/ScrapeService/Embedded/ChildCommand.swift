import Foundation
import Glibc

/// A program to run: in a session of its own, so that a terminal's Ctrl-C does not reach it; in `/`; with a clean
/// environment and signal state; with no descriptor of ours but those named here.
struct ChildCommand {
    let arguments: [String]
    var environment: [String: String] = [:]
    /// `/dev/null` if nil.
    var input: OpenFile?
    /// Held by the child as descriptor 3 until it and all its children are gone.
    var lock: FileLock?

    init(_ arguments: [String]) {
        self.arguments = arguments
    }

    /// What a child needs to be the same everywhere; `PGDATA` and its like stay out.
    private static let baseEnvironment = [
        "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8",
        "TZ": "UTC",
    ]

    /// As root our own directory may be closed to the account the command runs as.
    private var argumentsInRoot: [String] { ["/usr/bin/env", "--chdir=/"] + arguments }

    /// Starts it with both outputs going to `output`; the caller waits for it.
    func spawn(output: OpenFile) throws(EmbeddedPostgresError) -> Int32 {
        var actions = posix_spawn_file_actions_t()
        var attributes = posix_spawnattr_t()
        posix_spawn_file_actions_init(&actions)
        posix_spawnattr_init(&attributes)
        defer {
            posix_spawn_file_actions_destroy(&actions)
            posix_spawnattr_destroy(&attributes)
        }
        setDescriptors(&actions, output: output)
        Self.setSignals(&attributes)
        let variables = environment.merging(Self.baseEnvironment) { own, _ in own }
        let argumentPointers = argumentsInRoot.map { strdup($0) } + [nil]
        let variablePointers = variables.map { strdup("\($0.key)=\($0.value)") } + [nil]
        defer { for pointer in argumentPointers + variablePointers { free(pointer) } }
        var pid: pid_t = 0
        let code = posix_spawn(
            &pid, argumentsInRoot[0], &actions, &attributes, argumentPointers, variablePointers)
        if code != 0 { throw .system(call: "posix_spawn", path: argumentsInRoot[0], errno: code) }
        return pid
    }

    private func setDescriptors(_ actions: inout posix_spawn_file_actions_t, output: OpenFile) {
        if let input {
            posix_spawn_file_actions_adddup2(&actions, input.descriptor, 0)
        } else {
            posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        }
        posix_spawn_file_actions_adddup2(&actions, output.descriptor, 1)
        posix_spawn_file_actions_adddup2(&actions, output.descriptor, 2)
        if let lock { posix_spawn_file_actions_adddup2(&actions, lock.descriptor, 3) }
        // Swift does not see glibc's closefrom: close those that some library left inheritable, one by one.
        let open = (try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd")) ?? []
        for descriptor in open.compactMap({ Int32($0) }) where descriptor > (lock == nil ? 2 : 3) {
            posix_spawn_file_actions_addclose(&actions, descriptor)
        }
    }

    /// Neither our blocked signals nor our ignored ones are the child's.
    private static func setSignals(_ attributes: inout posix_spawnattr_t) {
        var (none, all) = (sigset_t(), sigset_t())
        sigemptyset(&none)
        sigfillset(&all)
        posix_spawnattr_setsigmask(&attributes, &none)
        posix_spawnattr_setsigdefault(&attributes, &all)
        // POSIX_SPAWN_SETSID (spawn.h), which Swift does not see.
        let newSession: Int32 = 0x80
        posix_spawnattr_setflags(
            &attributes, Int16(newSession | Int32(POSIX_SPAWN_SETSIGMASK) | Int32(POSIX_SPAWN_SETSIGDEF)))
    }

    /// Runs it to its end and returns what it printed; any status but 0 is an error that quotes it.
    @discardableResult
    func output(within limit: Duration) throws(EmbeddedPostgresError) -> String {
        let pipe = try OpenFile.pipe()
        let pid = try spawn(output: pipe.writing)
        pipe.writing.close()
        let deadline = ContinuousClock.now + limit
        var bytes: [UInt8] = []
        while true {
            let status = Self.reap(pid)
            pipe.reading.drain(into: &bytes)
            if let status {
                let text = String(
                    decoding: bytes.suffix(EmbeddedPostgres.Limits.maxQuotedBytes), as: UTF8.self)
                if status != 0 {
                    throw .commandFailed(command: arguments.joined(separator: " "), output: text)
                }
                return text
            }
            if ContinuousClock.now >= deadline { break }
            Pause.sleep(.milliseconds(2))
        }
        kill(-pid, SIGKILL)
        _ = Self.wait(for: pid, until: .now + .seconds(5))
        throw .timedOut(waitingFor: arguments.joined(separator: " "))
    }

    /// The wait status (0: a clean exit), or nil if the child still runs at `deadline`.
    static func wait(for pid: Int32, until deadline: ContinuousClock.Instant) -> Int32? {
        while true {
            if let status = reap(pid) { return status }
            if ContinuousClock.now >= deadline { return nil }
            Pause.sleep(.milliseconds(2))
        }
    }

    /// The wait status if `pid` is a child of ours that has ended.
    static func reap(_ pid: Int32) -> Int32? {
        var status: Int32 = 0
        return waitpid(pid, &status, WNOHANG) == pid ? status : nil
    }
}
