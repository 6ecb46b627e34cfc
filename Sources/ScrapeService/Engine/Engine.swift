import Foundation
import HTTPCore
import Logging

/// Claims jobs that nobody works on and runs each as a detached task, as long as this replica's heartbeat lives.
actor Engine {
    struct Limits: Sendable {
        /// Jobs run at once in this process; more wait in the store. Each costs a window of its frontier.
        var maxRunningJobs = 256
        /// A replica that has not been heard of for so long is dead, and its jobs move on.
        var leaseTTL = Duration.seconds(10)
        /// Trust in the own lease ends this long before the database's: clocks run, packets stand.
        var leaseMargin = Duration.seconds(2)
        /// Pause after a heartbeat that failed: work goes on this soon after the store is back.
        var heartbeatRetry = Duration.seconds(1)
        /// How often the store is asked for work that no signal told of.
        var pollInterval = Duration.seconds(1)
        /// Between two claims, for each run this process has, where there are other replicas.
        var courtesy = Duration.milliseconds(10)
        var maxCourtesy = Duration.milliseconds(100)
    }

    private let context: EngineContext
    private let limits: Limits
    private let wake: Signal
    private var replica = ReplicaID()
    private var runs: [Int64: Running] = [:]
    private var nextRun: Int64 = 0
    private var loops: [Task<Void, Never>] = []
    private var stopping = false

    private struct Running {
        var run: JobRun
        var shard: ShardReference
        var task: Task<Void, Never>
    }

    nonisolated var unownedExecutor: UnownedSerialExecutor { context.loop.asUnownedSerialExecutor() }

    init(_ context: EngineContext, limits: Limits = Limits()) {
        self.context = context
        self.limits = limits
        wake = Signal(loop: context.loop)
    }

    /// Begins to claim and run jobs. Does not wait for the store: it may come later.
    func start() {
        guard loops.isEmpty, !stopping else { return }
        context.signals.subscribe(wake)
        loops = [
            Task { await self.heartbeats() },
            Task { await self.claims() },
        ]
    }

    /// Stops fetching, settles what is fetched, gives all leases back. Twice, or before `start`, is fine.
    func stop() async {
        guard !stopping else { return }
        stopping = true
        context.signals.unsubscribe(wake)
        for loop in loops { loop.cancel() }
        wake.notify()
        for loop in loops { await loop.value }
        let running = runs.values
        for job in running { await job.run.stop() }
        for job in running { await job.task.value }
        await context.agreement.stop()
        do {
            try await context.store.retire(replica)
        } catch {
            context.logger.warning("leases are left to expire", metadata: ["cause": "\(error)"])
        }
    }

    // MARK: The heartbeat

    private func heartbeats() async {
        while !stopping {
            let isAlive = await beat()
            try? await context.loop.sleep(for: isAlive ? limits.leaseTTL / 3 : limits.heartbeatRetry)
        }
    }

    /// The lease is trusted from the moment the heartbeat was sent, by this machine's monotonic clock.
    private func beat() async -> Bool {
        let sent = ContinuousClock.now
        do {
            if let living = try await context.store.heartbeat(replica, ttl: limits.leaseTTL) {
                let first = context.membership.trustedUntil < sent
                context.membership.confirmed(
                    until: sent + limits.leaseTTL - limits.leaseMargin, living: living)
                await context.agreement.serve(as: replica, until: context.membership.trustedUntil)
                if first { wake.notify() }
                return true
            }
            context.logger.warning("this replica was declared dead: its jobs are others' now")
            await abandonAll()
        } catch {
            context.logger.warning("no heartbeat", metadata: ["cause": "\(error)"])
            if !context.membership.isTrusted { await abandonAll() }
        }
        return false
    }

    /// All leases are lost: stop every run, go on as a new replica.
    private func abandonAll() async {
        for job in runs.values { await job.run.abort() }
        replica = ReplicaID()
    }

    // MARK: Claiming

    private func claims() async {
        while !stopping {
            if await claimOne() {
                try? await context.loop.sleep(for: courtesy)
            } else if await !sweepOne() {
                // Jitter keeps replicas that started together from asking together.
                await wake.wait(atMost: limits.pollInterval * .random(in: 0.75...1.25))
                for job in runs.values { await job.run.look() }
            }
        }
    }

    /// Who works already lets idle replicas claim first.
    private var courtesy: Duration {
        context.membership.living > 1 ? min(limits.maxCourtesy, limits.courtesy * runs.count) : .zero
    }

    /// False: there is nothing to sweep.
    private func sweepOne() async -> Bool {
        guard !stopping else { return false }
        do {
            return try await context.store.sweep()
        } catch {
            context.logger.warning("no sweep", metadata: ["cause": "\(error)"])
            return false
        }
    }

    private func claimOne() async -> Bool {
        guard !stopping, runs.count < limits.maxRunningJobs, context.membership.isTrusted else {
            return false
        }
        do {
            let claimant = replica
            let held = runs.values.map(\.shard)
            guard let lease = try await context.store.claim(for: claimant, holding: held) else {
                return false
            }
            // Stopped, or declared dead, while the store answered: the lease is another's to work on.
            if stopping || claimant != replica {
                try await context.store.release(lease)
                return false
            }
            run(lease)
            return true
        } catch {
            context.logger.warning("no claim", metadata: ["cause": "\(error)"])
            return false
        }
    }

    private func run(_ lease: JobLease) {
        let run = JobRun(lease, context)
        nextRun += 1
        let number = nextRun
        context.signals.changed(lease.job)
        context.metrics.runBegan()
        // Its pages suspend often on the loop: the preference spares each a visit to Swift's own pool.
        let task = Task.detached(executorPreference: LoopPreference(context.loop)) {
            await run.run()
            await self.ended(number)
        }
        runs[number] = Running(
            run: run, shard: ShardReference(key: lease.key, shard: lease.shard), task: task)
    }

    private func ended(_ number: Int64) {
        runs[number] = nil
        context.metrics.runEnded()
        wake.notify()
    }
}
