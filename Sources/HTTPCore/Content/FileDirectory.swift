import Glibc

/// A directory whose files may be served, and nothing outside of it.
public final class FileDirectory: Sendable {
    /// Directories on the way to a file. 32: deeper trees are mistakes or attacks.
    private static let maxDepth = 32

    private let descriptor: Int32
    private let blockingLoop: EventLoop

    /// `path` may be a symbolic link. What has to wait for a disk runs on `blockingLoop`, which is no server's: a loop
    /// of its own, to be stopped after the server.
    public init(path: String, blockingLoop: EventLoop) throws(SystemError) {
        descriptor = try FileCalls.openDirectory(path)
        self.blockingLoop = blockingLoop
    }

    deinit { FileCalls.close(descriptor) }

    /// The regular file at `path`, relative to the directory and percent-decoded; `nil` when there is none to serve.
    ///
    /// Nothing leads out: the components are opened one by one, `..`, `.` and empty ones are refused, and symbolic links
    /// are not followed, neither to the file nor on the way.
    public func open(_ path: String) async throws -> File? {
        let components = path.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
        guard components.count <= Self.maxDepth, components.allSatisfy(Self.isName) else { return nil }
        return try await blockingLoop.run { [self] in try find(components) }
    }

    private static func isName(_ component: String) -> Bool {
        !["", ".", ".."].contains(component) && !component.utf8.contains(0)
    }

    private func find(_ components: [String]) throws(SystemError) -> File? {
        var parent = descriptor
        defer { if parent != descriptor { FileCalls.close(parent) } }
        do throws(SystemError) {
            for name in components.dropLast() {
                let child = try FileCalls.open(name, in: parent, asDirectory: true)
                if parent != descriptor { FileCalls.close(parent) }
                parent = child
            }
            return try file(components[components.count - 1], in: parent)
        } catch {
            // Missing, no directory, a link, a socket, not ours to read, a name too long for any file.
            let absent = [ENOENT, ENOTDIR, ELOOP, ENXIO, EACCES, EPERM, ENAMETOOLONG]
            if absent.contains(error.errno) { return nil }
            throw error
        }
    }

    private func file(_ name: String, in parent: Int32) throws(SystemError) -> File? {
        let opened = try FileCalls.open(name, in: parent, asDirectory: false)
        let status: FileStatus
        do throws(SystemError) {
            status = try FileCalls.status(opened)
        } catch {
            FileCalls.close(opened)
            throw error
        }
        guard status.isRegular else {
            FileCalls.close(opened)
            return nil
        }
        return File(opened, status, blockingLoop: blockingLoop)
    }
}
