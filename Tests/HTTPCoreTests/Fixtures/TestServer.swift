import HTTPCore
import HTTPTypes
import Logging
import Synchronization

/// A server on a loop of its own, with what its tests ask for.
struct TestServer {
    let loop: EventLoop
    let server: Server
    let port: Int
    let log = LogRecorder()

    struct OneHandler: Responder {
        let respondTo: @Sendable (Request) async throws -> Response
        func handler(for request: inout Request) -> HTTPCore.Handler { .suspending(respondTo) }
    }

    init(
        limits: ServerLimits = makeLimits(),
        _ handler: @escaping @Sendable (Request) async throws -> Response = Self.echo
    ) async throws {
        loop = try EventLoop(name: "server")
        let log = self.log
        let logger = Logger(label: "test") { _ in log.handler }
        server = Server(loop: loop, limits: limits, logger: logger, responder: OneHandler(respondTo: handler))
        port = try await server.start(host: "127.0.0.1", port: 0)
    }

    /// The path as text; the body as it came where there is one.
    static let echo: @Sendable (Request) async throws -> Response = { request in
        let body = try await request.body.collect(upTo: 1 << 20)
        return Response(
            status: .ok, headers: [.contentType: "text/plain"],
            body: .bytes(body.isEmpty ? Array(request.path.utf8) : body))
    }

    static func makeLimits(_ change: (inout ServerLimits) -> Void = { _ in }) -> ServerLimits {
        var limits = ServerLimits()
        limits.drainTimeout = .seconds(5)
        limits.lingerTimeout = .milliseconds(200)
        change(&limits)
        return limits
    }

    func connect() async throws -> TestClient { try await TestClient(loop: loop, port: port) }

    /// One connection, one request, everything that came until the server closed.
    func exchange(_ text: String) async throws -> String {
        let client = try await connect()
        try await client.send(text)
        let answer = try await client.readToEnd()
        await client.close()
        return answer
    }

    func stop() async {
        await server.shutdown()
        loop.stop()
    }
}

/// What a server logged.
final class LogRecorder: Sendable {
    private let lines = Mutex<[String]>([])
    var all: [String] { lines.withLock { $0 } }

    struct Handler: LogHandler {
        let recorder: LogRecorder
        var metadata: Logger.Metadata = [:]
        var logLevel = Logger.Level.info
        subscript(metadataKey key: String) -> Logger.Metadata.Value? {
            get { metadata[key] }
            set { metadata[key] = newValue }
        }

        func log(event: LogEvent) {
            recorder.lines.withLock { $0.append("\(event.message) \(event.metadata ?? [:])") }
        }
    }

    var handler: Handler { Handler(recorder: self) }
}

/// A client that sends bytes and understands answers.
actor TestClient {
    struct Answer {
        var status: Int
        var fields: [(name: String, value: String)]
        var body: String

        subscript(name: String) -> String? { fields.first { $0.name == name.lowercased() }?.value }
    }

    struct Ended: Error {}

    let socket: Socket
    private var buffer: [UInt8] = []

    init(loop: EventLoop, port: Int) async throws {
        socket = try await Socket.connect(loop: loop, host: "127.0.0.1", port: port)
    }

    func send(_ text: String) async throws { try await socket.write(Array(text.utf8)) }

    func get(_ path: String = "/") async throws -> Answer {
        try await send("GET \(path) HTTP/1.1\r\nHost: a\r\n\r\n")
        return try await readAnswer()
    }

    /// The next answer; interim ones (1xx) are answers of their own.
    func readAnswer(hasBody: Bool = true) async throws -> Answer {
        var lines: [String] = []
        while true {
            let line = try await readLine()
            if line.isEmpty { break }
            lines.append(line)
        }
        let status = Int(lines[0].split(separator: " ")[1]) ?? 0
        let fields = lines.dropFirst().map { line in
            let colon = line.firstIndex(of: ":") ?? line.endIndex
            return (name: line[..<colon].lowercased(), value: String(line[colon...].dropFirst(2)))
        }
        var answer = Answer(status: status, fields: fields, body: "")
        guard hasBody, status >= 200, status != 204, status != 304 else { return answer }
        answer.body = String(decoding: try await readBody(answer), as: UTF8.self)
        return answer
    }

    private func readBody(_ answer: Answer) async throws -> [UInt8] {
        if let length = answer["content-length"].flatMap({ Int($0) }) { return try await take(length) }
        guard answer["transfer-encoding"] == "chunked" else { return Array(try await readToEnd().utf8) }
        var body: [UInt8] = []
        while let size = Int(try await readLine(), radix: 16), size > 0 {
            body += try await take(size)
            _ = try await readLine()
        }
        _ = try await readLine()
        return body
    }

    private func readLine() async throws -> String {
        while true {
            if let end = buffer.firstIndex(of: UInt8(ascii: "\n")) {
                defer { buffer.removeSubrange(...end) }
                return String(decoding: buffer[..<end].dropLast(), as: UTF8.self)
            }
            try await fill()
        }
    }

    private func take(_ count: Int) async throws -> [UInt8] {
        while buffer.count < count { try await fill() }
        defer { buffer.removeSubrange(..<count) }
        return Array(buffer[..<count])
    }

    private func fill() async throws {
        guard let bytes = try await socket.read() else { throw Ended() }
        buffer += bytes
    }

    func readToEnd() async throws -> String {
        while let bytes = try await socket.read() { buffer += bytes }
        defer { buffer = [] }
        return String(decoding: buffer, as: UTF8.self)
    }

    func finishWriting() async { await socket.finishWriting() }
    func close() async { await socket.close() }
}
