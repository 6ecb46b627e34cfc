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

    /// What the connection's task is for.
    enum Arrival {
        /// A request whose answer may have to be waited for.
        case request(RequestHead, Request, Handler)
        /// What is no request: one answer, then the end.
        case refusal(HTTPError, RefusalCause, requestID: String?)
        /// The last answer is queued, or nobody is owed one.
        case end
    }

    nonisolated let context: ServerContext
    nonisolated let descriptor: Int32
    let remoteAddress: String?
    var state: ConnectionState
    private var registration: Registration?
    private var timer = DeadlineTimer()
    private var task: Task<Void, Never>?
    /// The task works; else a callback takes what arrives next.
    private var taskIsBusy = false

    // Reading: see ConnectionReading.
    var parser: RequestParser
    /// Bytes read but not used yet, from `inputStart` on; empty while none wait.
    var input: [UInt8] = []
    var inputStart = 0
    /// A read may bring something; false once one would block, until epoll tells again.
    var inputIsReady = false
    /// epoll told that the client has ended its side; what it sent before may still wait.
    var clientHasEnded = false
    /// Everything that the client has sent was read.
    var inputHasEnded = false
    /// The client's id of a head that was refused.
    var refusedID: String?
    /// The next thing for the task to do.
    private var arrivalWaiter: UnsafeContinuation<Arrival, Never>?
    /// A callback that goes on with what has arrived is queued.
    private var advanceIsScheduled = false
    var bodyWaiter: UnsafeContinuation<Void, Never>?

    // Writing: see ConnectionWriting.
    var output = OutputQueue()
    var outputWaiters: [UnsafeContinuation<Void, Never>] = []
    var isWaitingForWritable = false
    var flushIsScheduled = false
    /// Streamed since others had their turn.
    var bytesInARow = 0

    // The request that is being answered: see ConnectionExchange.
    var exchange: Exchange?
    var exchangeNumber: UInt64 = 0

    init(context: ServerContext, descriptor: Int32, remoteAddress: String?) {
        self.context = context
        unownedExecutor = context.loop.asUnownedSerialExecutor()
        self.descriptor = descriptor
        self.remoteAddress = remoteAddress
        state = ConnectionState(limits: context.limits, now: context.loop.now)
        parser = RequestParser(limits: context.wireLimits)
    }

    /// Begins, with a `refusal` instead of a first request if there is one; throws when the descriptor cannot be watched.
    func start(refusal: HTTPError? = nil) throws {
        registration = try context.loop.register(descriptor, [.readable, .edge]) { [unowned self] readiness in
            assumeIsolated { $0.ready(readiness) }
        }
        armTimer()
        context.observer?.connectionOpened()
        if let refusal { handOver(.refusal(refusal, .tooManyConnections, requestID: nil)) }
    }

    private func run(_ first: Arrival) async {
        var arrival = first
        while true {
            switch arrival {
            case .request(let head, let request, let handler):
                await serve(request, handler, head)
                if mustSettle { await settle() }
                exchange = nil
            case .refusal(let error, let cause, let requestID):
                await refuse(error, cause, requestID: requestID)
            case .end: return await finish()
            }
            if state.isClosed { return }
            if state.isLastAnswer { return await finish() }
            arrival = await nextArrival()
        }
    }

    private func nextArrival() async -> Arrival {
        taskIsBusy = false
        if let arrival = takeArrival() {
            taskIsBusy = true
            return arrival
        }
        if state.isClosed { return .end }
        return await withUnsafeContinuation { arrivalWaiter = $0 }
    }

    /// Goes on with what has arrived, unless the task is at work, which does so afterwards.
    func advance() {
        guard !taskIsBusy, !state.isClosed, output.count <= Self.maxQueuedBytes, let arrival = takeArrival()
        else { return }
        handOver(arrival)
    }

    /// Goes on after others have had their turn.
    func scheduleAdvance() {
        guard !advanceIsScheduled else { return }
        advanceIsScheduled = true
        context.loop.execute { [self] in
            assumeIsolated {
                $0.advanceIsScheduled = false
                $0.advance()
            }
        }
    }

    private func handOver(_ arrival: Arrival) {
        if case .end = arrival, finishNow() { return }
        taskIsBusy = true
        if let waiter = arrivalWaiter {
            arrivalWaiter = nil
            waiter.resume(returning: arrival)
        } else {
            task = Task(executorPreference: context.preference) { await self.run(arrival) }
        }
    }

    // MARK: Events

    private func ready(_ readiness: Readiness) {
        guard !state.isClosed else { return }
        if readiness.contains(.readable) { inputIsReady = true }
        if readiness.contains(.closed) {
            clientHasEnded = true
            if readiness.contains(.failed), state.phase == .handling, bodyWaiter == nil { return abort() }
            noteClientEnd()
        }
        if isWaitingForWritable, readiness.contains(.writable) { flush() }
        advance()
        resumeBodyWaiter()
    }

    /// A handler whose client has left, with all of its request read, is cancelled after a while.
    func noteClientEnd() {
        guard clientHasEnded, let exchange, exchange.body.isComplete else { return }
        state.clientEnded(now: context.loop.now)
        armTimer()
    }

    func armTimer() {
        guard let deadline = state.nextDeadline, !timer.covers(deadline) else { return }
        timer.arm(deadline, on: context.loop) { [unowned self] in assumeIsolated { $0.timerFired() } }
    }

    private func timerFired() {
        timer.hasFired()
        while let expiry = state.expire(now: context.loop.now) { act(on: expiry) }
        if !state.isClosed { armTimer() }
    }

    private func act(on expiry: ConnectionState.Expiry) {
        switch expiry {
        case .close:
            if state.phase == .idle { context.note(.idleTimeout) }
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
        case .cancelHandler: task?.cancel()
        }
    }

    /// Nothing more is begun: an idle connection closes, another one after its answer. A request that has arrived
    /// but was not looked at yet is still answered.
    func drain() {
        guard state.drain(), !taskIsBusy else { return }
        inputIsReady = true
        advance()
        if !taskIsBusy, state.phase == .idle { end() }
    }

    // MARK: The end

    /// Sends what is left, then closes so that the answer is not destroyed by a reset (RFC 9112, section 9.6).
    private func finish() async {
        while !finishNow() {
            if output.isEmpty {
                SocketCalls.shutdownWriting(descriptor)
                state.linger(now: context.loop.now)
                armTimer()
                await dropInput()
                return close()
            }
            await waitForProgress()
        }
    }

    /// Closes if nothing has to be waited for: all is sent, and no reset can come of what the client has sent.
    private func finishNow() -> Bool {
        flush()
        if state.isClosed { return true }
        guard output.isEmpty else { return false }
        guard inputHasEnded || state.clientExpectsClose && nothingIsUnread() else { return false }
        close()
        return true
    }

    /// Ends whatever waits, which then finds the connection closed.
    func end() {
        close()
        resumeWaiters()
    }

    private func resumeWaiters() {
        if let waiter = arrivalWaiter {
            arrivalWaiter = nil
            waiter.resume(returning: .end)
        }
        resumeBodyWaiter()
        resumeOutputWaiters()
    }

    /// Ends at once, with a reset: an answer cut short must not look complete. The handler is cancelled.
    func abort() {
        guard !state.isClosed else { return }
        leave(SocketCalls.reset)
        task?.cancel()
        resumeWaiters()
    }

    private func close() {
        leave { Glibc.close($0) }
        // A task that waits for the next request would wait for ever.
        if !taskIsBusy { resumeWaiters() }
    }

    private func leave(_ closeDescriptor: (Int32) -> Void) {
        guard !state.isClosed else { return }
        state.close()
        timer.cancel()
        registration?.cancel()
        registration = nil
        closeDescriptor(descriptor)
        input = []
        context.observer?.connectionClosed()
        context.whenClosed(self)
    }

    func watchWritable(_ on: Bool) {
        guard isWaitingForWritable != on, let registration else { return }
        isWaitingForWritable = on
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
