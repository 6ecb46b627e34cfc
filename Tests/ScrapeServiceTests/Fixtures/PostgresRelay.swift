import Foundation
import Glibc
import Synchronization

/// SOCK_STREAM (socket(2)), whose Swift type depends on which modules are in sight.
private let streamSocket: Int32 = 1

/// A TCP port on loopback in front of a unix socket, for what only TCP does: refused hosts, silent hosts.
///
/// Blocking threads on purpose: it shares nothing with the event loop under test.
final class PostgresRelay: Sendable {
    let port: UInt16
    private let listener: Int32
    private let sockets = Mutex<[Int32]>([])

    /// `socketPath` nil: connections are accepted by the kernel and never answered.
    init(to socketPath: String?) throws {
        listener = socket(AF_INET, streamSocket, 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        port = try withUnsafeMutablePointer(to: &address) { [listener] pointer in
            try pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { generic in
                guard bind(listener, generic, length) == 0, listen(listener, 16) == 0,
                    getsockname(listener, generic, &length) == 0
                else { throw TestPostgres.SystemFailure("relay: errno \(errno)") }
            }
            return UInt16(bigEndian: pointer.pointee.sin_port)
        }
        guard let socketPath else { return }
        Thread.detachNewThread { [self] in
            while case let client = accept(listener, nil, nil), client >= 0 { serve(client, socketPath) }
        }
    }

    /// A port that nobody listens on, at least at this moment.
    static func refusedPort() throws -> UInt16 {
        let relay = try PostgresRelay(to: nil)
        defer { relay.close() }
        return relay.port
    }

    func close() {
        shutdown(listener, Int32(SHUT_RDWR))
        Glibc.close(listener)
        sockets.withLock { for socket in $0 { shutdown(socket, Int32(SHUT_RDWR)) } }
    }

    private func serve(_ client: Int32, _ path: String) {
        let server = socket(AF_UNIX, streamSocket, 0)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
        let connected = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(server, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        guard connected == 0 else {
            Glibc.close(client)
            Glibc.close(server)
            return
        }
        sockets.withLock { $0 += [client, server] }
        for (from, to) in [(client, server), (server, client)] {
            Thread.detachNewThread {
                var buffer = [UInt8](repeating: 0, count: 65_536)
                while case let count = read(from, &buffer, buffer.count), count > 0 {
                    // Not write(2): the peer may be gone, and its signal would end the tests.
                    guard send(to, buffer, count, Int32(MSG_NOSIGNAL)) == count else { break }
                }
                shutdown(to, Int32(SHUT_RDWR))
            }
        }
    }
}
