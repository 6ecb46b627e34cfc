import Glibc
import HTTPTypes

/// One client's connection: reads a head, asks the responder, writes the answer, and again.
///
/// Everything happens on the loop's thread. The socket is registered edge-triggered, for reading; for writing only
/// while the kernel's buffer is full. What can be answered at once is answered in the callback that read it; a task is
/// made for the first request that cannot, and kept for the next ones.
actor Connection {
    /// Stored, since the runtime asks for it at every suspension.
    nonisolated let unownedExecutor: UnownedSerialExecutor

    nonisolated let context: ServerContext
    let remoteAddress: String?
    var core: ConnectionCore
    private var registration: Registration?
    private var timer = DeadlineTimer()

    // The task: see ConnectionTask.
    var task: Task<Void, Never>?
    /// The task works; else a callback takes what arrives next.
    var taskIsBusy = false
    /// The next thing for the task to do.
    var workWaiter: UnsafeContinuation<ConnectionCore.Work, Never>?
    /// A callback that goes on with what has arrived is queued.
    private var advanceIsScheduled = false

    /// The request that the task answers.
    var exchange: Exchange?
    var bodyIsBeingRead = false
    var bodyWaiter: UnsafeContinuation<Void, Never>?
    var outputWaiters: [UnsafeContinuation<Void, Never>] = []
    private var isWatchingWritable = false
    var flushIsScheduled = false
    /// Streamed since others had their turn.
    var bytesInARow = 0
    /// Reads of a body, and requests answered, since others had their turn.
    var readsInARow = 0
    var requestsInARow = 0

    init(context: ServerContext, descriptor: Int32, remoteAddress: String?) {
        self.context = context
        unownedExecutor = context.loop.asUnownedSerialExecutor()
        self.remoteAddress = remoteAddress
        core = ConnectionCore(context: context, descriptor: descriptor, remoteAddress: remoteAddress)
    }

    /// Begins, with a `refusal` instead of a first request if there is one; throws when the descriptor cannot be watched.
    func start(refusal: HTTPError? = nil) throws {
        registration = try context.loop.register(core.descriptor, [.readable, .edge]) { [self] readiness in
            Self.tell(self, readiness)
        }
        armTimer()
        context.observer?.connectionOpened()
        if let refusal { handOver(.refusal(refusal, .tooManyConnections, requestID: nil)) }
    }

    // MARK: Requests

    /// Goes on with what has arrived, unless the task is at work, which does so afterwards.
    func advance() {
        if !taskIsBusy, let work = takeWork() { handOver(work) }
    }

    /// Answers what can be answered at once; returns what the task is needed for.
    func takeWork() -> ConnectionCore.Work? {
        let progress = core.proceed(context)
        if progress.flush != .done {
            act(on: progress.flush)
            if core.state.isClosed { return .end }
        }
        switch progress.step {
        case .incomplete(let deadline): if let deadline { arm(deadline) }
        case .idle: end()
        case .blocked: break
        case .pause: scheduleAdvance()
        case .work(let work): return work
        }
        return nil
    }

    /// Goes on after others have had their turn.
    private func scheduleAdvance() {
        guard !advanceIsScheduled else { return }
        advanceIsScheduled = true
        context.loop.execute { [self] in
            context.loop.isolate(self) {
                $0.advanceIsScheduled = false
                $0.advance()
            }
        }
    }

    // MARK: Events

    /// Calls ``ready(_:)``, whose isolated parameter is its first in the calling convention too: the loop calls back on
    /// its own thread, which is where this actor lives. `assumeIsolated` takes 1,500 instructions to find that out.
    private static let tell = unsafeBitCast(
        { $0.ready($1) } as @Sendable (isolated Connection, Readiness) -> Void,
        to: (@Sendable (Connection, Readiness) -> Void).self)

    private func ready(_ readiness: Readiness) {
        context.loop.checkIsolated()
        guard core.note(readiness) else { return }
        if readiness.contains(.closed) {
            if readiness.contains(.failed), core.state.phase == .handling, bodyWaiter == nil {
                context.note(.clientLeft)
                return abort()
            }
            noteClientEnd()
        }
        if readiness.contains(.writable) { flush() }
        advance()
        if taskIsBusy { resumeBodyWaiter() }
    }

    /// A handler whose client has left is cancelled when nothing moves for a while.
    func noteClientEnd() {
        guard core.clientHasEnded, exchange != nil else { return }
        core.state.clientEnded(now: context.loop.now)
        armTimer()
    }

    func armTimer() {
        if let deadline = core.state.nextDeadline { arm(deadline) }
    }

    private func arm(_ deadline: LoopTime) {
        // The closure does not keep the connection; nothing may fire behind its end.
        guard !core.state.isClosed, !timer.covers(deadline) else { return }
        timer.arm(deadline, on: context.loop) { [unowned self, loop = context.loop] in
            loop.isolate(self) { $0.timerFired() }
        }
    }

    private func timerFired() {
        timer.hasFired()
        while let expiry = core.state.expire(now: context.loop.now) { act(on: expiry) }
        if !core.state.isClosed { armTimer() }
    }

    private func act(on expiry: ConnectionState.Expiry) {
        switch expiry {
        case .close:
            if core.state.phase == .idle { context.note(.idleTimeout) }
            end()
        case .refuseHead:
            let late = HTTPError(.requestTimeout, "The request's head did not come in time.")
            if !taskIsBusy { handOver(.refusal(late, .headerTimeout, requestID: nil)) }
        case .failBody:
            exchange?.bodyFailure = HTTPError(.requestTimeout, "The request's body did not come in time.")
            context.note(.bodyTimeout)
            resumeBodyWaiter()
        case .abort:
            context.note(.writeTimeout)
            abort()
        case .cancelHandler:
            context.note(.clientLeft)
            task?.cancel()
        }
    }

    /// Nothing more is begun: an idle connection closes, another one after its answer. A request that has arrived
    /// but was not looked at yet is still answered.
    func drain() {
        guard core.state.drain(), !taskIsBusy else { return }
        core.inputIsReady = true
        advance()
        if !taskIsBusy, core.state.phase == .idle { end() }
    }

    // MARK: The end

    /// Closes if nothing has to be waited for: all is sent, and no reset can come of what the client has sent.
    func finishNow() -> Bool {
        flush()
        if core.state.isClosed { return true }
        guard core.output.isEmpty else { return false }
        guard core.inputHasEnded || core.state.clientExpectsClose && core.nothingIsUnread(context) else {
            return false
        }
        close()
        return true
    }

    /// Ends whatever waits, which then finds the connection closed.
    func end() {
        close()
        resumeWaiters()
    }

    private func resumeWaiters() {
        if let waiter = workWaiter {
            workWaiter = nil
            waiter.resume(returning: .end)
        }
        resumeBodyWaiter()
        resumeOutputWaiters()
    }

    /// Ends at once, with a reset: an answer cut short must not look complete. The handler is cancelled.
    func abort() {
        guard !core.state.isClosed else { return }
        leave(SocketCalls.reset)
        task?.cancel()
        resumeWaiters()
    }

    func close() {
        leave { Glibc.close($0) }
        // A task that waits for the next request would wait for ever.
        if !taskIsBusy { resumeWaiters() }
    }

    private func leave(_ closeDescriptor: (Int32) -> Void) {
        guard !core.state.isClosed else { return }
        core.state.close()
        timer.cancel()
        registration?.cancel()
        registration = nil
        closeDescriptor(core.descriptor)
        core.dropInput()
        context.observer?.connectionClosed()
        context.whenClosed(self)
    }

    func watchWritable(_ on: Bool) {
        guard isWatchingWritable != on, let registration else { return }
        isWatchingWritable = on
        do {
            try registration.update(on ? [.readable, .writable, .edge] : [.readable, .edge])
        } catch {
            abort()
        }
    }

    func resumeBodyWaiter() {
        guard let waiter = bodyWaiter else { return }
        bodyWaiter = nil
        waiter.resume()
    }
}
