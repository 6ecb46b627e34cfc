import Glibc

/// A flock(2) on a file of its own. The kernel drops it with the last descriptor, so a killed process holds nothing.
final class FileLock: Sendable {
    enum Mode: Sendable {
        case shared, exclusive

        var operation: Int32 { self == .shared ? LOCK_SH : LOCK_EX }
    }

    private let file: OpenFile

    private init(_ file: OpenFile) {
        self.file = file
    }

    /// The descriptor, for a child that shall hold the lock as well.
    var descriptor: Int32 { file.descriptor }

    /// Gives up this descriptor; a child that inherited it keeps the lock, which is why nothing is unlocked.
    func release() {
        file.close()
    }

    /// Nil if someone else holds the lock in a way that excludes this one.
    static func attempt(_ path: String, _ mode: Mode) throws(EmbeddedPostgresError) -> FileLock? {
        let file = try OpenFile.open(path, O_RDWR | O_CREAT, mode: 0o600)
        while flock(file.descriptor, mode.operation | LOCK_NB) != 0 {
            let code = errno
            if code == EINTR { continue }
            file.close()
            if code == EWOULDBLOCK { return nil }
            throw .system(call: "flock", path: path, errno: code)
        }
        return FileLock(file)
    }

    static func take(
        _ path: String, _ mode: Mode, within limit: Duration
    ) throws(EmbeddedPostgresError) -> FileLock {
        let deadline = ContinuousClock.now + limit
        repeat {
            if let lock = try attempt(path, mode) { return lock }
            Pause.sleep(EmbeddedPostgres.Limits.poll)
        } while ContinuousClock.now < deadline
        throw .timedOut(waitingFor: "the lock \(path)")
    }
}
