public import HTTPTypes
import Synchronization

/// The way to one client that listens to Server-Sent Events; see ``Response/events(on:keepAlive:headers:produce:)``.
public struct EventStream: Sendable {
    fileprivate let writer: any ResponseWriter
    fileprivate let activity: Activity

    /// Sends an event. Suspends while the client reads slower than events come; throws when it has left, and
    /// ``ServerSentEventError`` for an event that cannot be sent.
    public func send(_ event: ServerSentEvent) async throws {
        try await write(event.encoded())
    }

    fileprivate func write(_ bytes: [UInt8]) async throws {
        activity.begin()
        defer { activity.end() }
        try await writer.write(bytes)
    }

    /// When something was last sent, so that what keeps the connection alive is sent only where nothing else is.
    fileprivate final class Activity: Sendable {
        private struct State {
            var writes = 0
            var lastEnd = ContinuousClock.now
        }

        private let state = Mutex(State())

        func begin() { state.withLock { $0.writes += 1 } }

        func end() {
            state.withLock { state in
                state.writes -= 1
                state.lastEnd = .now
            }
        }

        /// How long nothing was sent; none while something waits for the client.
        var silence: Duration {
            state.withLock { $0.writes > 0 ? .zero : .now - $0.lastEnd }
        }
    }
}

extension Response {
    /// A stream of Server-Sent Events: as long as `produce` runs, or until the client has left, which cancels it.
    ///
    /// After `keepAlive` without an event a comment is sent: proxies do not cut the connection, and a client that
    /// vanished is noticed. The default of 15 s is what the HTML Standard recommends. What may fail as an ordinary
    /// answer must be checked before: the head leaves at once.
    public static func events(
        on loop: EventLoop, keepAlive: Duration = .seconds(15), headers: HTTPFields = [:],
        produce: @escaping @Sendable (EventStream) async throws -> Void
    ) -> Response {
        var fields = headers
        fields[.contentType] = "text/event-stream"
        fields[.cacheControl] = "no-store"
        // nginx, as a proxy, would hold events back until a buffer is full.
        fields[.accelBuffering] = "no"
        let body = ResponseBody.stream(length: nil) { writer in
            let stream = EventStream(writer: writer, activity: EventStream.Activity())
            try await stream.write([])
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await produce(stream) }
                group.addTask { try await stream.keepAlive(every: keepAlive, on: loop) }
                defer { group.cancelAll() }
                try await group.next()
            }
        }
        return Response(status: .ok, headers: fields, body: body)
    }
}

extension EventStream {
    /// A comment without text, which no listener is told of.
    private static let pulse = Array(":\n\n".utf8)

    fileprivate func keepAlive(every interval: Duration, on loop: EventLoop) async throws {
        while true {
            let silence = activity.silence
            if silence >= interval {
                try await write(Self.pulse)
            } else {
                try await loop.sleep(for: interval - silence)
            }
        }
    }
}
