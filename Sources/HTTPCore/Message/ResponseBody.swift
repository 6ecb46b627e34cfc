import Synchronization

/// A response's content.
public enum ResponseBody: Sendable {
    /// No content.
    case none
    /// Content in memory; its length is announced.
    case bytes([UInt8])
    /// Produced while it is sent. The head leaves with the first write, an empty one included, so that what is
    /// thrown before it still becomes an error answer. A `length` that is not kept to closes the connection.
    case stream(length: Int?, produce: @Sendable (any ResponseWriter) async throws -> Void)

    /// The whole content where it is in memory.
    var content: [UInt8]? {
        switch self {
        case .none: []
        case .bytes(let bytes): bytes
        case .stream: nil
        }
    }

    /// The whole content, for tests in memory.
    public func collectBody() async throws -> [UInt8] {
        switch self {
        case .none: return []
        case .bytes(let bytes): return bytes
        case .stream(_, let produce):
            let writer = CollectingWriter()
            try await produce(writer)
            return writer.bytes
        }
    }
}

/// Takes a streamed body's bytes towards the client.
public protocol ResponseWriter: Sendable {
    /// Suspends while the client reads slower than the body is produced; throws when the client is gone.
    func write(_ bytes: [UInt8]) async throws
}

private final class CollectingWriter: ResponseWriter {
    private let collected = Mutex<[UInt8]>([])

    var bytes: [UInt8] { collected.withLock { $0 } }

    func write(_ bytes: [UInt8]) async throws {
        collected.withLock { $0.append(contentsOf: bytes) }
    }
}
