import Glibc

/// The user the server runs as: our own, or `postgres` when we are root, as whom PostgreSQL refuses to run.
struct ServerAccount: Sendable {
    let name: String
    let uid: uid_t
    let gid: gid_t
    /// True if we are root and drop to this account.
    let isDropped: Bool

    /// The user Debian's package makes.
    static let dedicatedName = "postgres"

    static func current() throws(EmbeddedPostgresError) -> ServerAccount {
        let own = geteuid()
        guard own == 0 else {
            return ServerAccount(name: "\(own)", uid: own, gid: getegid(), isDropped: false)
        }
        guard let entry = lookUp(dedicatedName) else { throw .accountMissing(name: dedicatedName) }
        return ServerAccount(name: dedicatedName, uid: entry.uid, gid: entry.gid, isDropped: true)
    }

    /// `command` as this account runs it (setpriv is part of util-linux, which every Debian has).
    func command(_ command: [String]) -> [String] {
        guard isDropped else { return command }
        return ["/usr/bin/setpriv", "--reuid=\(uid)", "--regid=\(gid)", "--init-groups"] + command
    }

    /// Makes a directory that only this account can use, or takes one that is so already.
    func makePrivateDirectory(_ path: String) throws(EmbeddedPostgresError) {
        if mkdir(path, 0o700) != 0 && errno != EEXIST {
            throw .system(call: "mkdir", path: path, errno: errno)
        }
        var status = stat()
        try EmbeddedPostgresError.check("lstat", path) { lstat(path, &status) }
        guard status.st_mode & S_IFMT == S_IFDIR else {
            throw .foreign(path: path, reason: "is no directory")
        }
        guard status.st_uid == uid || status.st_uid == geteuid() else {
            throw .foreign(path: path, reason: "belongs to user \(status.st_uid), not to '\(name)'")
        }
        guard status.st_mode & 0o077 == 0 else {
            throw .foreign(path: path, reason: "is open to other users: 'chmod 700 \(path)'")
        }
        if status.st_uid != uid {
            try EmbeddedPostgresError.check("lchown", path) { lchown(path, uid, gid) }
        }
    }

    private static func lookUp(_ name: String) -> (uid: uid_t, gid: gid_t)? {
        var entry = passwd()
        var found: UnsafeMutablePointer<passwd>?
        var buffer = [CChar](repeating: 0, count: 16384)
        guard getpwnam_r(name, &entry, &buffer, buffer.count, &found) == 0, found != nil else { return nil }
        return (entry.pw_uid, entry.pw_gid)
    }
}
