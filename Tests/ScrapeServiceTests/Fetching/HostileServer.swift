import Foundation
import Glibc
import Synchronization

/// A server on loopback that answers each request as a test wants it, however wrong, on a thread a connection.
///
/// `answer` gets the connection and the request's head and body; false closes the connection.
final class HostileServer: Sendable {
    typealias Answer = @Sendable (Int32, Request) -> Bool

    struct Request: Sendable {
        var head: String
        var body: [UInt8]
        /// Counts the server's connections, from 1.
        var connection: Int

        var path: String { String(head.split(separator: " ")[1]) }

        /// The value of the first field of that name.
        func field(_ name: String) -> String? {
            head.split(separator: "\r\n").dropFirst().first {
                $0.lowercased().hasPrefix(name.lowercased() + ":")
            }.map { $0.dropFirst(name.count + 1).trimmingCharacters(in: .whitespaces) }
        }
    }

    let port: UInt16
    private let listener: Int32
    private let answer: Answer
    private let seen = Mutex<(requests: [Request], connections: Int)>(([], 0))

    var base: String { "http://127.0.0.1:\(port)" }
    var requests: [Request] { seen.withLock { $0.requests } }
    var connections: Int { seen.withLock { $0.connections } }

    init(_ answer: @escaping Answer) throws {
        self.answer = answer
        listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        port = try TestNginx.bindToLoopback(listener)
        listen(listener, 64)
        Thread.detachNewThread { [self] in acceptAll() }
    }

    /// Connections that are open end with their client.
    func stop() {
        shutdown(listener, Int32(SHUT_RDWR))
        close(listener)
    }

    private func acceptAll() {
        while true {
            let connection = accept(listener, nil, nil)
            guard connection >= 0 else { return }
            let number = seen.withLock { seen in
                seen.connections += 1
                return seen.connections
            }
            Thread.detachNewThread { [self] in
                serve(connection, number)
                close(connection)
            }
        }
    }

    private func serve(_ connection: Int32, _ number: Int) {
        var received: [UInt8] = []
        while let request = Self.read(connection, &received, number) {
            seen.withLock { $0.requests.append(request) }
            guard answer(connection, request) else { return }
        }
    }

    private static func read(_ connection: Int32, _ received: inout [UInt8], _ number: Int) -> Request? {
        var buffer = [UInt8](repeating: 0, count: 16 << 10)
        func more() -> Bool {
            let count = recv(connection, &buffer, buffer.count, 0)
            if count > 0 { received += buffer[..<count] }
            return count > 0
        }
        var end = received.firstRange(of: Array("\r\n\r\n".utf8))
        while end == nil {
            guard more() else { return nil }
            end = received.firstRange(of: Array("\r\n\r\n".utf8))
        }
        guard let end else { return nil }
        var request = Request(
            head: String(decoding: received[..<end.lowerBound], as: UTF8.self), body: [], connection: number)
        received.removeSubrange(..<end.upperBound)
        let length = request.field("Content-Length").flatMap { Int($0) } ?? 0
        while received.count < length {
            guard more() else { return nil }
        }
        request.body = Array(received[..<length])
        received.removeSubrange(..<length)
        return request
    }
}

/// Writes all of it; false once the client is gone.
@discardableResult
func write(_ connection: Int32, _ text: String) -> Bool { write(connection, Array(text.utf8)) }

@discardableResult
func write(_ connection: Int32, _ bytes: [UInt8]) -> Bool {
    var sent = 0
    while sent < bytes.count {
        let count = bytes[sent...].withUnsafeBytes {
            send(connection, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
        }
        guard count > 0 else { return false }
        sent += count
    }
    return true
}

/// Writes it again and again until the client is gone.
func writeForever(_ connection: Int32, _ text: String, pause: useconds_t = 0) -> Bool {
    while write(connection, text) { usleep(pause) }
    return false
}

/// `behind`: bytes that belong to no answer, sent in one piece with it.
func writeAnswer(
    _ connection: Int32, _ status: String, _ fields: [String] = [], _ body: String = "", behind: String = ""
) -> Bool {
    let lines = ["HTTP/1.1 \(status)", "Content-Length: \(body.utf8.count)"] + fields
    return write(connection, lines.joined(separator: "\r\n") + "\r\n\r\n" + body + behind)
}

func withHostileServer<Value>(
    _ answer: @escaping HostileServer.Answer, _ body: (HostileServer) async throws -> Value
) async throws -> Value {
    let server = try HostileServer(answer)
    defer { server.stop() }
    return try await body(server)
}
