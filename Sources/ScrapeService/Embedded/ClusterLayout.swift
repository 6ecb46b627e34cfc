import Foundation
import Glibc

/// Where everything of the embedded server lies. The room and its files are ours; `cluster` and the socket
/// directory belong to the server's account.
struct ClusterLayout: Hashable, Sendable {
    let room: String
    let socketDirectory: String

    var cluster: String { room + "/cluster" }
    /// The first `initdb` works here: only a finished cluster gets its name.
    var unfinished: String { room + "/cluster.tmp" }
    var log: String { room + "/postgres.log" }
    /// Held exclusively by whoever starts, joins or stops the server.
    var startLock: String { room + "/start.lock" }
    /// Held shared by every service that uses the server.
    var usersLock: String { room + "/users.lock" }
    /// Held by the server and all its children: true whatever process numbers say, in any container.
    var serverLock: String { room + "/server.lock" }

    /// No TCP port is opened; it only names the socket.
    static let port = 5432
    /// `sun_path` of unix(7) without its closing zero.
    static let maxSocketPathBytes = 107

    static func socketPath(in directory: String, port: Int = port) -> String {
        "\(directory)/.s.PGSQL.\(port)"
    }

    /// Makes what is missing of the directories, and checks that the server's account can reach them.
    static func prepare(
        in dataDirectory: String, account: ServerAccount
    ) throws(EmbeddedPostgresError) -> ClusterLayout {
        let data = try makeDirectory(absolute(dataDirectory), account)
        let room = try makeDirectory(data + "/postgres", account)
        var status = stat()
        try EmbeddedPostgresError.check("stat", room) { stat(room, &status) }
        guard status.st_uid == geteuid() else {
            throw .foreign(
                path: room, reason: "belongs to user \(status.st_uid): run the service as that user")
        }
        try checkAccess(room, account)
        let sockets = try makeSocketDirectory(room, account)
        return ClusterLayout(room: room, socketDirectory: sockets)
    }

    private static func absolute(_ path: String) -> String {
        path.hasPrefix("/") ? path : FileManager.default.currentDirectoryPath + "/" + path
    }

    /// Makes `path` and its parents, passable for the server's account, and resolves symbolic links.
    private static func makeDirectory(
        _ path: String, _ account: ServerAccount
    ) throws(EmbeddedPostgresError) -> String {
        var made = ""
        for part in path.split(separator: "/") {
            made += "/" + part
            if mkdir(made, 0o755) == 0 {
                // The umask may have taken the passage away.
                if account.isDropped { try EmbeddedPostgresError.check("chmod", made) { chmod(made, 0o755) } }
            } else {
                let code = errno
                if access(made, F_OK) != 0 { throw .system(call: "mkdir", path: made, errno: code) }
            }
        }
        guard let resolved = realpath(made, nil) else {
            throw .system(call: "realpath", path: made, errno: errno)
        }
        defer { free(resolved) }
        return String(cString: resolved)
    }

    /// As root everything seems open: ask as the account, and name the directory that bars the way.
    private static func checkAccess(_ room: String, _ account: ServerAccount) throws(EmbeddedPostgresError) {
        guard account.isDropped, !canPass(room, account) else { return }
        var path = ""
        for part in room.split(separator: "/") {
            path += "/" + part
            if !canPass(path, account) { throw .inaccessible(path: path, user: account.name) }
        }
    }

    private static func canPass(_ path: String, _ account: ServerAccount) -> Bool {
        let test = ChildCommand(account.command(["/usr/bin/test", "-x", path]))
        return (try? test.output(within: .seconds(10))) != nil
    }

    /// In the room if the path is short and plain, else in a short place under a name that stands for the room:
    /// libpq splits hosts at commas, and the server its socket directories.
    private static func makeSocketDirectory(
        _ room: String, _ account: ServerAccount
    ) throws(EmbeddedPostgresError) -> String {
        var path = room + "/run"
        let isPlain = path.utf8.allSatisfy { byte in
            byte >= 0x80 || Character(Unicode.Scalar(byte)).isLetter
                || Character(Unicode.Scalar(byte)).isNumber
                || "/._-+@=~".utf8.contains(byte)
        }
        if !isPlain || socketPath(in: path).utf8.count > maxSocketPathBytes {
            path = "\(shortPlace())/scrape-postgres-\(account.uid)-\(String(hash(room), radix: 36))"
        }
        try account.makePrivateDirectory(path)
        return path
    }

    private static func shortPlace() -> String {
        if geteuid() == 0 && access("/run", W_OK) == 0 { return "/run" }
        let own = ProcessInfo.processInfo.environment["XDG_RUNTIME_DIR"] ?? ""
        return own.hasPrefix("/run/") && own.utf8.count < 40 && access(own, W_OK) == 0 ? own : "/tmp"
    }

    /// FNV-1a, 64 bits: the same name for the same room at every start.
    private static func hash(_ text: String) -> UInt64 {
        text.utf8.reduce(0xCBF2_9CE4_8422_2325) { ($0 ^ UInt64($1)) &* 0x100_0000_01B3 }
    }
}
