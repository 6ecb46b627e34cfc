import CLinux
import HTTPCore
import HTTPTypes
import Synchronization

/// What tests of overload and faults ask for: endless streams, counted uploads, handlers that fail, wait or are cancelled.
struct FaultRoutes: Sendable {
    /// Written at once by the streaming routes.
    private static let pieceBytes = 64 << 10

    private struct HandlerFault: Error {}

    /// What handlers have seen.
    final class Progress: Sendable {
        let running = Atomic<Int>(0)
        let cancelled = Atomic<Int>(0)
        /// Of streamed answers: taken by the server.
        let producedBytes = Atomic<Int>(0)
        /// Of uploads: seen by a handler.
        let consumedBytes = Atomic<Int>(0)
    }

    let loop: EventLoop
    let progress = Progress()
    /// Set once the server is there.
    let server = ServerReference()

    final class ServerReference: Sendable {
        private let server = Mutex<Server?>(nil)
        var value: Server? {
            get { server.withLock { $0 } }
            set { server.withLock { $0 = newValue } }
        }
    }

    func add(to router: inout Router) {
        router.on(.get, "/fault/throw") { _ in throw HandlerFault() }
        router.on(.get, "/fault/late") { _ in
            stream(length: nil) { writer in
                try await writer.write(Array("part".utf8))
                throw HandlerFault()
            }
        }
        router.on(.get, "/fault/stream/{bytes}") { try stream($0) }
        router.on(.post, "/fault/count") { try await count($0) }
        router.on(.post, "/fault/count/later") { request in
            try await watched { try await loop.sleep(for: .seconds(3600)) }
            return try await count(request)
        }
        router.on(.get, "/fault/sleep/{seconds}") { try await sleep($0) }
        router.on(.get, "/fault/state") { _ in try await state() }
    }

    /// `?length` announces the length; without it the body is chunked.
    private func stream(_ request: Request) throws -> Response {
        guard let bytes = Int(request.parameters["bytes"] ?? ""), bytes >= 0 else {
            throw HTTPError(.badRequest)
        }
        return stream(length: request.query == "length" ? bytes : nil) { writer in
            let piece = [UInt8](repeating: UInt8(ascii: "x"), count: Self.pieceBytes)
            var left = bytes
            while left > 0 {
                let count = min(left, piece.count)
                try await writer.write(count == piece.count ? piece : Array(piece[..<count]))
                progress.producedBytes.add(count, ordering: .relaxed)
                left -= count
            }
        }
    }

    private func stream(
        length: Int?, _ produce: @escaping @Sendable (any ResponseWriter) async throws -> Void
    ) -> Response {
        Response(
            status: .ok, headers: [.contentType: "application/octet-stream"],
            body: .stream(length: length) { writer in try await watched { try await produce(writer) } })
    }

    /// The body's length, without keeping any of it.
    private func count(_ request: Request) async throws -> Response {
        try await watched {
            var bytes = 0
            for try await piece in request.body {
                bytes += piece.count
                progress.consumedBytes.add(piece.count, ordering: .relaxed)
            }
            return text("\(bytes)\n")
        }
    }

    private func sleep(_ request: Request) async throws -> Response {
        guard let seconds = Double(request.parameters["seconds"] ?? ""), seconds >= 0, seconds < 1e6 else {
            throw HTTPError(.badRequest)
        }
        return try await watched {
            // A cancelled `Task.sleep` would hold its memory until the time is up.
            try await loop.sleep(for: .seconds(seconds))
            return text("awake\n")
        }
    }

    private func watched<Value>(_ body: () async throws -> Value) async throws -> Value {
        progress.running.add(1, ordering: .relaxed)
        defer {
            progress.running.subtract(1, ordering: .relaxed)
            if Task.isCancelled { progress.cancelled.add(1, ordering: .relaxed) }
        }
        return try await body()
    }

    private func state() async throws -> Response {
        guard let counters = await server.value?.counters else { throw HTTPError(.serviceUnavailable) }
        // Resident memory also tells of peaks that are over; this is what is allocated now.
        let heap = mallinfo2()
        let values =
            [
                ("heap", Int(heap.uordblks + heap.hblkhd)),
                ("open", counters.openConnections), ("accepted", counters.acceptedConnections),
                ("requests", counters.requests), ("shed", counters.shedConnections),
                ("running", progress.running.load(ordering: .relaxed)),
                ("cancelled", progress.cancelled.load(ordering: .relaxed)),
                ("produced", progress.producedBytes.load(ordering: .relaxed)),
                ("consumed", progress.consumedBytes.load(ordering: .relaxed)),
            ] + RefusalCause.allCases.map { ($0.rawValue, counters.causes[$0, default: 0]) }
        let members = values.map { "\"\($0.0)\":\($0.1)" }.joined(separator: ",")
        return Response(
            status: .ok, headers: [.contentType: "application/json"],
            body: .bytes(Array("{\(members)}\n".utf8)))
    }

    private func text(_ text: String) -> Response {
        Response(status: .ok, headers: [.contentType: "text/plain"], body: .bytes(Array(text.utf8)))
    }
}
