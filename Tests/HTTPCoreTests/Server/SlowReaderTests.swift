import Glibc
import HTTPTypes
import Logging
import Synchronization
import Testing

@testable import HTTPCore

/// Answers that are complete for the handler, but not yet for the client.
@Suite(.timeLimit(.minutes(1))) struct SlowReaderTests {
    private struct Nobody: Responder {
        func handler(for request: inout Request) -> HTTPCore.Handler {
            .immediate { _ in Response(status: .ok) }
        }
    }

    @Test("a connection whose client has not taken its answer yet is not between two requests")
    func pending() async throws {
        let loop = try EventLoop(name: "server")
        let blocked = try await BlockedConnection(loop: loop)
        await blocked.fill()
        _ = await blocked.write([UInt8](repeating: 0, count: 1000))
        // A drain, a shortage of places and the idle deadline end what is between two requests.
        #expect(await blocked.isBetweenRequests == false)
        await blocked.take(1 << 20)
        #expect(await blocked.isBetweenRequests)
        await blocked.close()
        loop.stop()
    }

    @Test("what is written while the client takes nothing does not renew its time")
    func writeDeadline() async throws {
        let loop = try EventLoop(name: "server")
        let blocked = try await BlockedConnection(loop: loop)
        let deadline = await blocked.write([UInt8](repeating: 0, count: 4 << 20))
        await loop.yield()
        #expect(await blocked.write([1]) == deadline)
        await blocked.take(64 << 10)
        await loop.yield()
        #expect(try #require(await blocked.write([1])) > #require(deadline))
        await blocked.close()
        loop.stop()
    }

    /// A connection's core, and its client's end.
    private actor BlockedConnection {
        nonisolated let unownedExecutor: UnownedSerialExecutor
        private let context: ServerContext
        private let client: Int32
        private var core: ConnectionCore

        init(loop: EventLoop) async throws {
            unownedExecutor = loop.asUnownedSerialExecutor()
            var pair: [Int32] = [0, 0]
            let kind = Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue)
            #expect(socketpair(AF_UNIX, kind, 0, &pair) == 0)
            context = ServerContext(
                loop: loop, limits: ServerLimits(), logger: Logger(label: "test"), responder: Nobody(),
                observer: nil, errorResponse: Server.plainText)
            client = pair[1]
            core = ConnectionCore(context: context, descriptor: pair[0], remoteAddress: nil)
            core.state.beginRequest(keepsAlive: true)
        }

        /// Returns the time by which the client has to take something.
        func write(_ bytes: [UInt8]) -> LoopTime? {
            core.output.append(bytes)
            #expect(core.flush(context) == .blocked)
            return core.state.nextDeadline
        }

        /// Hands the kernel as much as it takes, and forgets the rest.
        func fill() {
            _ = write([UInt8](repeating: 0, count: 4 << 20))
            core.output = OutputQueue()
        }

        /// Looks whether more requests have come, as after every event.
        var isBetweenRequests: Bool {
            _ = core.proceed(context)
            return core.state.isBetweenRequests
        }

        func take(_ count: Int) {
            var bytes = [UInt8](repeating: 0, count: count)
            #expect(recv(client, &bytes, count, 0) > 0)
        }

        func close() {
            Glibc.close(core.descriptor)
            Glibc.close(client)
        }
    }
}
