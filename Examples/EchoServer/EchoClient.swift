import HTTPCore

/// Sends lines and takes each one back.
actor EchoClient {
    private let socket: Socket
    private var buffered: [UInt8] = []

    init(loop: EventLoop, port: Int) async throws {
        socket = try await Socket.connect(loop: loop, host: "127.0.0.1", port: port)
    }

    /// The line that came back, without its end; `nil` when the server has ended.
    func exchange(_ line: String) async throws -> String? {
        try await socket.write(Array("\(line)\n".utf8))
        while true {
            if let end = buffered.firstIndex(of: UInt8(ascii: "\n")) {
                defer { buffered.removeSubrange(...end) }
                return String(decoding: buffered[..<end], as: UTF8.self)
            }
            guard let bytes = try await socket.read() else { return nil }
            buffered += bytes
        }
    }

    func close() async { await socket.close() }
}
