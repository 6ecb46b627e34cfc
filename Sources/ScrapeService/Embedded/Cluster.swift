import Foundation
import Glibc
import Logging

/// The data directory and its server. All calls block, and all are made under the start lock.
struct Cluster {
    let layout: ClusterLayout
    let account: ServerAccount
    let search: ServerBinaries.Search
    let logger: Logger

    static let database = "scrape"
    static let superuser = "postgres"

    private typealias Limits = EmbeddedPostgres.Limits

    private var processes: ProcessTable { ProcessTable(directory: layout.cluster) }

    /// What is there at a moment.
    private enum Observation {
        /// A server, perhaps not ready yet.
        case server(PostmasterFile)
        /// No server; the lock that the next one shall hold.
        case nothing(FileLock)
        /// Processes of a server that is gone, or one that has not written its file yet.
        case leftovers([Int32])
    }

    /// Returns once the server accepts connections, whoever started it.
    func ensureRunning() throws(EmbeddedPostgresError) -> EmbeddedPostgres.Connection {
        if OpenFile.text(layout.cluster + "/PG_VERSION") == nil { try create() }
        let deadline = ContinuousClock.now + Limits.ready
        var launched: (pid: Int32, logStart: Int)?
        repeat {
            if let launched, ChildCommand.reap(launched.pid) != nil {
                throw .serverFailed(log: OpenFile.tail(layout.log, from: launched.logStart))
            }
            switch try observe() {
            case .server(let file):
                if let connection = connection(file) { return connection }
            case .nothing(let lock):
                if launched == nil { launched = try launch(holding: lock) }
                lock.release()
            case .leftovers(let pids):
                if launched == nil { try clear(pids) }
            }
            Pause.sleep(Limits.poll)
        } while ContinuousClock.now < deadline
        throw .timedOut(waitingFor: "the server in \(layout.cluster)")
    }

    private func observe() throws(EmbeddedPostgresError) -> Observation {
        let file = readPostmasterFile()
        let lock = try FileLock.attempt(layout.serverLock, .exclusive)
        if let file, processes.isPostmaster(file.pid) {
            lock?.release()
            return .server(file)
        }
        if lock == nil, let file, connection(file) != nil {
            // It answers, but is no process of ours to see: it runs in another container.
            return .server(file)
        }
        let members = processes.members()
        guard let lock, members.isEmpty else {
            lock?.release()
            return .leftovers(members)
        }
        return .nothing(lock)
    }

    private func readPostmasterFile() -> PostmasterFile? {
        OpenFile.text(layout.cluster + "/postmaster.pid").flatMap(PostmasterFile.init)
    }

    /// Nil until the server says it is ready and its socket answers.
    private func connection(_ file: PostmasterFile) -> EmbeddedPostgres.Connection? {
        guard file.status == .ready, let directory = file.socketDirectory, let port = file.port else {
            return nil
        }
        guard LocalSocket.answers(ClusterLayout.socketPath(in: directory, port: port)) else { return nil }
        return EmbeddedPostgres.Connection(
            socketDirectory: directory, port: port, database: Self.database, user: Self.superuser)
    }

    /// Ends what a killed server left behind, as a server does after a crash: SIGQUIT, never SIGKILL.
    private func clear(_ pids: [Int32]) throws(EmbeddedPostgresError) {
        // A server of its own accord, its file not written yet: it will be seen in a moment.
        guard pids.allSatisfy(processes.isServerChild) else { return }
        for pid in pids {
            logger.warning("ending a leftover postgres process", metadata: ["pid": "\(pid)"])
            kill(pid, SIGQUIT)
        }
        let deadline = ContinuousClock.now + Limits.leftovers
        while try !isFree() {
            if ContinuousClock.now >= deadline {
                throw .timedOut(
                    waitingFor: "an earlier server of \(layout.cluster) to end (processes \(pids))")
            }
            Pause.sleep(Limits.poll)
        }
    }

    /// True if no process of a server is left.
    private func isFree() throws(EmbeddedPostgresError) -> Bool {
        guard let lock = try FileLock.attempt(layout.serverLock, .exclusive) else { return false }
        lock.release()
        return processes.members().isEmpty
    }
}

// MARK: - Starting and stopping

extension Cluster {
    /// Starts the server; the caller watches it become ready. Under the start lock, with no process of a server.
    private func launch(holding lock: FileLock) throws(EmbeddedPostgresError) -> (pid: Int32, logStart: Int) {
        let binaries = try matchingBinaries()
        var command = ChildCommand(
            account.command([binaries.postgres] + ServerSettings.arguments(layout, binaries)))
        command.lock = lock
        if let stale = try stalePid() { command.environment["PG_GRANDPARENT_PID"] = "\(stale)" }
        for name in [".s.PGSQL.\(ClusterLayout.port)", ".s.PGSQL.\(ClusterLayout.port).lock"] {
            unlink(layout.socketDirectory + "/" + name)
        }
        rotateLog()
        let log = try OpenFile.open(layout.log, O_WRONLY | O_CREAT | O_APPEND, mode: 0o600)
        let logStart = Int(lseek(log.descriptor, 0, SEEK_END))
        let pid = try command.spawn(output: log)
        logger.info("started the embedded postgres", metadata: ["pid": "\(pid)", "log": "\(layout.log)"])
        return (pid, logStart)
    }

    /// Of the installed servers, the one of the cluster's major version.
    private func matchingBinaries() throws(EmbeddedPostgresError) -> ServerBinaries {
        let text = OpenFile.text(layout.cluster + "/PG_VERSION") ?? ""
        guard let major = Int(text.prefix { $0.isNumber }) else { throw .notACluster(path: layout.cluster) }
        let installed = try ServerBinaries.find(search)
        guard let match = installed.first(where: { $0.major == major }) else {
            throw .otherVersion(cluster: layout.cluster, major: major, found: installed.map(\.major))
        }
        return match
    }

    /// The number in a stale postmaster.pid that some other process (or a thread of ours) has now: the server takes
    /// it for a rival of its own user unless told that it is its grandparent.
    private func stalePid() throws(EmbeddedPostgresError) -> Int32? {
        let path = layout.cluster + "/postmaster.pid"
        let deadline = ContinuousClock.now + EmbeddedPostgres.Limits.emptyPidFile
        while access(path, F_OK) == 0 {
            if let file = readPostmasterFile() { return file.pid }
            if ContinuousClock.now >= deadline {
                // The server refuses a file without a number. Whoever writes one works in the directory already, so
                // with no such process this is what a crash left.
                if processes.members().isEmpty { unlink(path) }
                return nil
            }
            Pause.sleep(EmbeddedPostgres.Limits.poll)
        }
        return nil
    }

    private func rotateLog() {
        var status = stat()
        guard stat(layout.log, &status) == 0, status.st_size > EmbeddedPostgres.Limits.maxLogBytes else {
            return
        }
        rename(layout.log, layout.log + ".1")
    }

    /// Fast shutdown, after ten seconds an immediate one; never SIGKILL, which would leave its children behind.
    func stop() {
        guard let file = readPostmasterFile(), processes.isPostmaster(file.pid) else { return }
        for (signal, name) in [(SIGINT, "fast"), (SIGQUIT, "immediate")] {
            kill(file.pid, signal)
            let deadline = ContinuousClock.now + EmbeddedPostgres.Limits.shutdown
            while ContinuousClock.now < deadline {
                _ = ChildCommand.reap(file.pid)
                if (try? isFree()) == true {
                    logger.info("stopped the embedded postgres", metadata: ["shutdown": "\(name)"])
                    removeShortSocketDirectory()
                    return
                }
                Pause.sleep(EmbeddedPostgres.Limits.poll)
            }
        }
        logger.error("the embedded postgres does not stop", metadata: ["pid": "\(file.pid)"])
    }

    private func removeShortSocketDirectory() {
        if !layout.socketDirectory.hasPrefix(layout.room) { rmdir(layout.socketDirectory) }
    }
}

// MARK: - The first start

extension Cluster {
    /// Makes the cluster and its database under another name, and renames it once it is on the disk: a crash leaves
    /// no half of one.
    private func create() throws(EmbeddedPostgresError) {
        if rmdir(layout.cluster) != 0 && errno != ENOENT { throw .notACluster(path: layout.cluster) }
        guard let binaries = try ServerBinaries.find(search).first else { return }
        logger.info("making the embedded database", metadata: ["directory": "\(layout.cluster)"])
        removeUnfinished()
        try account.makePrivateDirectory(layout.unfinished)
        do throws(EmbeddedPostgresError) {
            try runInitdb(binaries)
            try createDatabase(binaries)
            try sync(binaries)
        } catch {
            removeUnfinished()
            throw error
        }
        try EmbeddedPostgresError.check("rename", layout.cluster) {
            rename(layout.unfinished, layout.cluster)
        }
        let room = try OpenFile.open(layout.room, O_RDONLY | O_DIRECTORY)
        try EmbeddedPostgresError.check("fsync", layout.room) { fsync(room.descriptor) }
    }

    /// Flushed later, all at once. C.UTF-8 sorts by bytes, so a newer C library does not break an index.
    private func runInitdb(_ binaries: ServerBinaries) throws(EmbeddedPostgresError) {
        let arguments = [
            binaries.initdb, "-D", layout.unfinished, "-U", Self.superuser, "--encoding=UTF8",
            "--locale=C.UTF-8", "--auth-local=trust", "--auth-host=reject", "--no-instructions", "--no-sync",
        ]
        try ChildCommand(account.command(arguments)).output(within: EmbeddedPostgres.Limits.initdb)
    }

    /// In single-user mode, which needs neither psql nor a running server. Flushed later as well.
    private func createDatabase(_ binaries: ServerBinaries) throws(EmbeddedPostgresError) {
        let arguments = [
            binaries.postgres, "--single", "-D", layout.unfinished, "-c", "exit_on_error=true",
            Self.superuser,
        ]
        var command = ChildCommand(account.command(arguments))
        command.input = try OpenFile.holding("CREATE DATABASE \(Self.database)\n")
        try command.output(within: EmbeddedPostgres.Limits.initdb)
    }

    /// Every file and directory of the new cluster, before it gets its name.
    private func sync(_ binaries: ServerBinaries) throws(EmbeddedPostgresError) {
        let arguments = [binaries.initdb, "--sync-only", "-D", layout.unfinished]
        try ChildCommand(account.command(arguments)).output(within: EmbeddedPostgres.Limits.initdb)
    }

    /// What an interrupted first start left: its contents as their owner, so that no link leads astray.
    private func removeUnfinished() {
        guard access(layout.unfinished, F_OK) == 0 else { return }
        let command = ChildCommand(
            account.command(["/bin/rm", "-rf", "--one-file-system", layout.unfinished]))
        _ = try? command.output(within: EmbeddedPostgres.Limits.initdb)
        rmdir(layout.unfinished)
    }
}
