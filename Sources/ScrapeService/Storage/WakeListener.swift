import HTTPCore
import Logging

/// Hears of new work (SQL `LISTEN`) on a connection of its own. A hint only: who misses one finds the work by
/// polling.
///
/// Needs a session of its own, so it takes the direct way: a pooler in transaction mode accepts `LISTEN` and
/// delivers nothing.
actor WakeListener {
    /// A connection that is dead without saying so is found within this.
    private static let probeInterval = Duration.seconds(10)
    /// For the answer to a probe.
    private static let probeTimeout = Duration.seconds(3)

    private let configuration: StorageConfiguration
    private let loop: EventLoop
    private let logger: Logger
    private let wake: @Sendable () -> Void
    private var task: Task<Void, Never>?
    private var isStopped = false

    nonisolated var unownedExecutor: UnownedSerialExecutor { loop.asUnownedSerialExecutor() }

    /// `wake` is called on `loop`, also after each reconnect: something may have been missed.
    init(
        _ configuration: StorageConfiguration, on loop: EventLoop, logger: Logger,
        wake: @escaping @Sendable () -> Void
    ) {
        self.configuration = configuration
        self.loop = loop
        self.logger = logger
        self.wake = wake
    }

    /// Begins to listen, and goes on until ``stop()``. Twice is fine.
    func start() {
        guard task == nil, !isStopped else { return }
        task = Task { await self.listen() }
    }

    /// Twice, or before `start`, is fine.
    func stop() async {
        isStopped = true
        task?.cancel()
        await task?.value
        task = nil
    }

    private func listen() async {
        var backoff = Backoff(first: configuration.pool.minBackoff, last: configuration.pool.maxBackoff)
        while !isStopped {
            let connection = PostgresConnection(configuration.directConnection, on: loop, logger: logger)
            do {
                try await connection.open()
                await connection.setNotificationHandler { [wake] _ in wake() }
                try await connection.run("listen \(PostgresStore.wakeChannel)")
                backoff.reset()
                wake()
                try await probe(connection)
            } catch {
                if !isStopped { logger.warning("not listening for work", metadata: ["cause": "\(error)"]) }
            }
            await connection.close()
            if !isStopped { try? await loop.sleep(for: backoff.next()) }
        }
    }

    /// Returns when the session does not listen any more; throws when it is dead or the task is cancelled.
    private func probe(_ connection: PostgresConnection) async throws {
        while !isStopped {
            try await waitForProbe(connection)
            let channels = try await connection.query(
                "select 1 from pg_listening_channels() c where c = $1", [.text(PostgresStore.wakeChannel)],
                timeout: Self.probeTimeout)
            if channels.isEmpty { return }
        }
    }

    /// Until the next probe is due, or the session ends.
    private func waitForProbe(_ connection: PostgresConnection) async throws {
        let pause = Task { [loop] in try await loop.sleep(for: Self.probeInterval) }
        await connection.setCloseHandler { pause.cancel() }
        guard await connection.isUsable else { throw PostgresError(.connectionLost, "the session ended") }
        try await withTaskCancellationHandler {
            try await pause.value
        } onCancel: {
            pause.cancel()
        }
    }
}
