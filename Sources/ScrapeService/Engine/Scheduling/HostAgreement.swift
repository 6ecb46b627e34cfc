import HTTPCore
import Logging

/// Keeps the scheduler and the store in agreement on the hosts that all replicas use: one statement a second for all of
/// them, and one at once when hosts are wanted for the first time or ask to be left alone. None while nothing is used.
actor HostAgreement {
    /// Between two calls for all hosts.
    static let interval = Duration.seconds(1)
    /// Between two urgent calls: hosts wanted in the meantime share one.
    static let minGap = Duration.milliseconds(20)
    /// Pause after a call that failed.
    static let backoff = Duration.milliseconds(500)
    /// How often it looks whether there is anything to do, if nobody says so.
    private static let idleInterval = Duration.seconds(10)

    private let fetches: FetchScheduler
    private let store: any HostStore
    private let loop: EventLoop
    private let logger: Logger
    private var replica: ReplicaID?
    private var calls: Task<Void, Never>?
    private var stopping = false
    private var isFailing = false

    nonisolated var unownedExecutor: UnownedSerialExecutor { loop.asUnownedSerialExecutor() }

    init(_ fetches: FetchScheduler, store: any HostStore, loop: EventLoop, logger: Logger) {
        self.fetches = fetches
        self.store = store
        self.loop = loop
        self.logger = logger
    }

    /// This process is `replica` and lives until `time` at least: call after every heartbeat.
    func serve(as replica: ReplicaID, until time: ContinuousClock.Instant) {
        guard !stopping else { return }
        if self.replica != replica {
            if self.replica != nil { fetches.renamed() }
            self.replica = replica
        }
        fetches.trust(until: Moment.now + (time - .now))
        if calls == nil { calls = Task { await self.callOnAndOn() } }
    }

    /// Asks nothing more; what this replica holds goes with it. Twice is fine.
    func stop() async {
        stopping = true
        calls?.cancel()
        fetches.urgent.notify()
        await calls?.value
    }

    private func callOnAndOn() async {
        var next = Moment.now
        while !stopping {
            let wait = fetches.isSharing ? next - .now : Self.idleInterval
            if wait > .zero { await fetches.urgent.wait(atMost: wait) }
            if stopping { return }
            let ofAll = Moment.now >= next
            if ofAll { next = .now + Self.interval }
            let call = fetches.makeCall(ofAll: ofAll)
            if call.isEmpty { continue }
            try? await loop.sleep(for: await send(call) ? Self.minGap : Self.backoff)
        }
    }

    /// False: the store did not answer.
    private func send(_ call: HostCall) async -> Bool {
        guard let replica else { return false }
        let sent = Moment.now
        do {
            let grants = try await store.share(call, for: replica)
            // Declared dead: the next heartbeat says so, and everything is asked for anew.
            guard let grants, replica == self.replica else {
                fetches.unanswered(call)
                return false
            }
            fetches.answered(grants, sent: sent)
            isFailing = false
            return true
        } catch {
            if !isFailing { logger.warning("hosts cannot be shared now", metadata: ["cause": "\(error)"]) }
            isFailing = true
            fetches.unanswered(call)
            return false
        }
    }
}
