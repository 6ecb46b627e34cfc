import CLinux
import Glibc
import HeapModule
import Synchronization

/// One thread, one epoll, a FIFO of jobs, a heap of timers, an eventfd: the loop under everything.
///
/// It is a Swift executor: an actor that returns it as `unownedExecutor` runs on its thread, so its state,
/// the C handles it owns and the callbacks of `register` and `schedule` share that one thread.
/// A loop outlives the actors on it: call ``stop()`` only when none is left.
///
// @unchecked: `shared` is locked; the rest is touched on the loop's thread only, which `checkIsolated` holds.
public final class EventLoop: SerialExecutor, @unchecked Sendable {
    /// Its thread's name, of which the system keeps 15 characters.
    public let name: String

    /// What other threads may touch.
    private struct Shared {
        var jobs: [Job] = []
        var stopping = false
        /// True while the thread is inside, or about to enter, epoll: only then is a wake-up worth a system call.
        var asleep = false
    }

    private enum Job {
        case swift(UnownedJob)
        /// Of a task that prefers this loop.
        case preferred(UnownedJob, UnownedTaskExecutor)
        case closure(@Sendable () -> Void)
    }

    /// Jobs run between two looks at epoll: bounds how long a ready descriptor waits behind a full FIFO.
    private static let maxJobsPerTurn = 512

    private let shared = Mutex(Shared())
    private let wakeDescriptor: Int32

    // What only the loop's thread touches.
    let poller: Poller
    private var batch: [Job] = []
    private var nextJob = 0
    private var cachedNow: LoopTime?
    var timers = Heap<TimerEntry>()
    /// No timer is due earlier.
    var nextTimer = LoopTime.distantFuture
    var timerSequence: UInt64 = 0
    /// Timers in the heap that were cancelled: too many of them and the heap is rebuilt without them.
    var cancelledTimers = 0
    var registrations: [Registration?] = []
    var generation: UInt32 = 0

    private var thread = pthread_t()
    private let identity = Atomic<UInt>(0)

    /// Starts the thread. Throws when there is no thread or no descriptor left.
    public init(name: String) throws(SystemError) {
        self.name = name
        poller = try Poller()
        wakeDescriptor = poller.wakeDescriptor
        let code = pthread_create(
            &thread, nil,
            { raw in
                let loop = Unmanaged<EventLoop>.fromOpaque(raw!).takeRetainedValue()
                loop.runUntilStopped()
                return nil
            }, Unmanaged.passRetained(self).toOpaque())
        if code != 0 { throw SystemError(call: "pthread_create", errno: code) }
        pthread_setname_np(thread, String(name.prefix(15)))
    }

    /// Ends the thread after the jobs already queued, and waits for it. Twice is fine; from the loop itself it does not wait.
    public func stop() {
        let first = shared.withLock { shared in
            defer { shared.stopping = true }
            return !shared.stopping
        }
        guard first else { return }
        Poller.wake(wakeDescriptor)
        if isCurrent { pthread_detach(thread) } else { pthread_join(thread, nil) }
    }

    /// Whether the caller runs on this loop's thread.
    public var isCurrent: Bool {
        identity.load(ordering: .relaxed) == UInt(pthread_self())
    }

    /// The time, read at most once a turn: precise enough for deadlines. Loop's thread only.
    var now: LoopTime {
        if let cachedNow { return cachedNow }
        let now = LoopTime.now
        cachedNow = now
        return now
    }

    // MARK: Jobs

    /// Runs a job of Swift's runtime on the loop's thread.
    public func enqueue(_ job: consuming ExecutorJob) {
        push(.swift(UnownedJob(job)))
    }

    func enqueue(_ job: UnownedJob, preferring executor: UnownedTaskExecutor) {
        push(.preferred(job, executor))
    }

    /// Runs `body` on the loop's thread after what is queued already (asyncio's `call_soon_threadsafe`).
    public func execute(_ body: @escaping @Sendable () -> Void) {
        push(.closure(body))
    }

    /// Stops the process unless the caller runs on this loop's thread.
    public func checkIsolated() {
        precondition(isCurrent, "not on the event loop \(name)")
    }

    /// Whether the caller runs on this loop's thread: never unknown.
    public func isIsolatingCurrentContext() -> Bool? {
        isCurrent
    }

    /// Runs `body` as `actor`, whose executor is this loop, from a callback of this loop's.
    ///
    /// `assumeIsolated` asks the runtime whether that is so, for 1,500 instructions; the loop knows its thread.
    func isolate<Isolated: Actor>(_ actor: Isolated, _ body: (isolated Isolated) -> Void) {
        checkIsolated()
        withoutActuallyEscaping(body) { body in
            // The isolated parameter is the function's first, in the calling convention too.
            unsafeBitCast(body, to: ((Isolated) -> Void).self)(actor)
        }
    }

    private func push(_ job: Job) {
        let mustWake = shared.withLock { shared in
            shared.jobs.append(job)
            defer { shared.asleep = false }
            return shared.asleep
        }
        if mustWake { Poller.wake(wakeDescriptor) }
    }

    // MARK: The loop

    private func runUntilStopped() {
        identity.store(UInt(pthread_self()), ordering: .relaxed)
        while runTurn() {
            cachedNow = nil
            fireTimers()
            poll(timeoutMilliseconds: nextJob < batch.count ? 0 : sleepMilliseconds())
            cachedNow = nil
        }
    }

    /// Runs one turn's jobs, the oldest first; false once the loop is to end.
    private func runTurn() -> Bool {
        if nextJob == batch.count {
            nextJob = 0
            batch.removeAll(keepingCapacity: batch.count <= Self.maxJobsPerTurn)
            let stopping = shared.withLock { shared in
                swap(&batch, &shared.jobs)
                return shared.stopping
            }
            if stopping && batch.isEmpty { return false }
        }
        let end = min(batch.count, nextJob + Self.maxJobsPerTurn)
        while nextJob < end {
            nextJob += 1
            run(batch[nextJob - 1])
        }
        // What the closures hold must not live on while the thread sleeps.
        if nextJob == batch.count {
            nextJob = 0
            batch.removeAll(keepingCapacity: batch.count <= Self.maxJobsPerTurn)
        }
        return true
    }

    private func run(_ job: Job) {
        switch job {
        case .swift(let job): job.runSynchronously(on: asUnownedSerialExecutor())
        case .preferred(let job, let executor):
            job.runSynchronously(isolatedTo: asUnownedSerialExecutor(), taskExecutor: executor)
        case .closure(let body): body()
        }
    }

    private func poll(timeoutMilliseconds: Int32) {
        var timeout = timeoutMilliseconds
        if timeout != 0 {
            shared.withLock { shared in
                if shared.jobs.isEmpty && !shared.stopping { shared.asleep = true } else { timeout = 0 }
            }
        }
        // What was read before the sleep is past when its events come.
        cachedNow = nil
        poller.wait(timeoutMilliseconds: timeout) { event in
            let descriptor = Int(UInt32(truncatingIfNeeded: event.token))
            guard descriptor < registrations.count,
                let registration = registrations[descriptor],
                registration.token == event.token
            else { return }
            registration.handler(event.readiness)
        }
        if timeout != 0 { shared.withLock { $0.asleep = false } }
    }
}
