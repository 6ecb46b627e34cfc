import Foundation

/// An installed PostgreSQL server: the directory of `postgres` and `initdb`, and its major version.
struct ServerBinaries: Hashable, Sendable {
    let directory: String
    let major: Int

    var postgres: String { directory + "/postgres" }
    var initdb: String { directory + "/initdb" }

    /// Where to look.
    enum Search: Hashable, Sendable {
        /// Debian's `/usr/lib/postgresql/*/bin`, then `PATH`.
        case usual
        case directory(String)

        static let debianRoot = "/usr/lib/postgresql"
    }

    /// Every server found, the newest first.
    static func find(_ search: Search) throws(EmbeddedPostgresError) -> [ServerBinaries] {
        let directories = candidates(search)
        let found = directories.compactMap { directory -> ServerBinaries? in
            let programs = [directory + "/postgres", directory + "/initdb"]
            guard programs.allSatisfy(FileManager.default.isExecutableFile) else { return nil }
            return version(directory).map { ServerBinaries(directory: directory, major: $0) }
        }
        if found.isEmpty { throw .binariesMissing(searched: searched(search)) }
        return found.sorted { $0.major > $1.major }
    }

    private static func candidates(_ search: Search) -> [String] {
        switch search {
        case .directory(let directory): return [directory]
        case .usual:
            let versions = (try? FileManager.default.contentsOfDirectory(atPath: Search.debianRoot)) ?? []
            let path = ProcessInfo.processInfo.environment["PATH"] ?? ""
            return versions.map { "\(Search.debianRoot)/\($0)/bin" }
                + path.split(separator: ":").map(String.init).filter { $0.hasPrefix("/") }
        }
    }

    private static func searched(_ search: Search) -> [String] {
        switch search {
        case .directory(let directory): [directory]
        case .usual: ["\(Search.debianRoot)/*/bin", "PATH"]
        }
    }

    /// The number after `postgres (PostgreSQL) ` in the answer to `--version`.
    private static func version(_ directory: String) -> Int? {
        guard
            let output = try? ChildCommand([directory + "/postgres", "--version"]).output(
                within: .seconds(10)),
            let number = output.firstRange(of: "(PostgreSQL) ")?.upperBound
        else { return nil }
        return Int(output[number...].prefix { $0.isNumber })
    }
}
