import Glibc

/// Why the embedded server cannot run; the description says what to do about it.
enum EmbeddedPostgresError: Error, Hashable, Sendable, CustomStringConvertible {
    /// No directory of those named has `postgres` and `initdb`.
    case binariesMissing(searched: [String])
    /// Run as root, and there is no user to drop to.
    case accountMissing(name: String)
    /// The cluster is of another major version than every server found. It is left as it is.
    case otherVersion(cluster: String, major: Int, found: [Int])
    /// Something is where the cluster should be, and it is none.
    case notACluster(path: String)
    /// The server's user may not pass this directory.
    case inaccessible(path: String, user: String)
    /// A directory that must be ours belongs to someone else, or is open to others.
    case foreign(path: String, reason: String)
    case commandFailed(command: String, output: String)
    case serverFailed(log: String)
    case timedOut(waitingFor: String)
    case system(call: String, path: String, errno: Int32)

    var description: String {
        switch self {
        case .binariesMissing(let searched):
            "no PostgreSQL server (postgres, initdb) in \(searched.joined(separator: ", ")): install it with "
                + "'apt-get install postgresql', or name a running one with --database-url"
        case .accountMissing(let name):
            "PostgreSQL does not run as root and there is no user '\(name)' to run it as: 'apt-get install "
                + "postgresql' makes one; or start the service as another user than root"
        case .otherVersion(let cluster, let major, let found):
            "the database in \(cluster) was made by PostgreSQL \(major), but only \(Self.list(found)) is installed: "
                + "'apt-get install postgresql-\(major)', or move the data with pg_upgrade. Nothing was changed"
        case .notACluster(let path):
            "\(path) exists and is no PostgreSQL database: move it away. Nothing was changed"
        case .inaccessible(let path, let user):
            "PostgreSQL runs as user '\(user)', who may not enter \(path): 'chmod o+x \(path)', or choose another "
                + "data directory"
        case .foreign(let path, let reason): "\(path) \(reason)"
        case .commandFailed(let command, let output): "\(command) failed: \(output)"
        case .serverFailed(let log): "the PostgreSQL server did not start: \(log)"
        case .timedOut(let what): "gave up waiting for \(what)"
        case .system(let call, let path, let code):
            "\(call) \(path): \(String(cString: strerror(code))) (errno \(code))"
        }
    }

    private static func list(_ majors: [Int]) -> String {
        majors.map(String.init).joined(separator: ", ")
    }

    /// Turns a result below zero into an error that names the call.
    @discardableResult
    static func check(_ call: String, _ path: String, _ body: () -> Int32) throws(EmbeddedPostgresError)
        -> Int32
    {
        while true {
            let result = body()
            if result >= 0 { return result }
            let code = errno
            if code != EINTR { throw .system(call: call, path: path, errno: code) }
        }
    }
}
