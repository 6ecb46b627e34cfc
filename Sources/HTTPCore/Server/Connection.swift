import Glibc
import HTTPTypes

/// One client's connection: one task that reads a head, asks the responder, writes the answer, and again.
///
/// Everything happens on the loop's thread. The socket is registered edge-triggered, for reading; for writing only
/// while the kernel's buffer is full.
actor Connection {
    /// Stored, since the runtime asks for it at every suspension.
    nonisolated let unownedExecutor: UnownedSerialExecutor

    /// What came instead of a head, or a head.
    enum Arrival {
        case head(RequestHead)
        case refusal(HTTPError, requestID: String?)
        case end
    }

    nonisolated let context: ServerContext
    nonisolated let descriptor: Int32
    let remoteAddress: String?
    var state: ConnectionState
    private var registration: Registration?
    private var timer = DeadlineTimer()
    private var task: Task<Void, Never>?

    // Reading: see ConnectionReading.
    var parser: RequestParser
    /// Bytes read but not used yet, from `inputStart` on; empty while none wait.
    var input: [UInt8] = []
    var inputStart = 0
    /// A read may bring something; false once one would block, until epoll tells again.
    var inputIsReady = false
    /// epoll told that the client has ended its side; what it sent before may still wait.
    var clientHasEnded = false
    /// The client's id of a head that was refused.
    var refusedID: String?
    /// Heads taken without a pause.
    var headsInARow = 0
    var headWaiter: UnsafeContinuation<Arrival, Never>?
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

    /// Begins; throws when the descriptor cannot be watched.
    func start() throws {
        registration = try context.loop.register(descriptor, [.readable, .edge]) { [unowned self] readiness in
            assumeIsolated { $0.ready(readiness) }
        }
        armTimer()
        task = Task(executorPreference: context.preference) { await self.run() }
    }

    private func run() async {
        while !state.isClosed {
            switch await nextArrival() {
            case .head(let head):
                await serve(head)
                if mustSettle { await settle() }
                exchange = nil
            case .refusal(let error, let requestID): await refuse(error, requestID: requestID)
            case .end:
                // An answer may still be on its way to a client that sends no more.
                if output.isEmpty { return close() }
                return await finish()
            }
            if state.isLastAnswer { break }
        }
        await finish()
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
        if headWaiter != nil { advanceHead() }
        resumeBodyWaiter()
        if isWaitingForWritable, readiness.contains(.writable) { flush() }
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
            if state.phase == .idle { context.counters.idleTimeouts += 1 }
            end()
        case .refuseHead:
            let late = HTTPError(.requestTimeout, "The request's head did not come in time.")
            resumeHead(.refusal(late, requestID: nil))
        case .failBody:
            exchange?.bodyFailure = HTTPError(.requestTimeout, "The request's body did not come in time.")
            resumeBodyWaiter()
        case .abort:
            context.counters.writeTimeouts += 1
            abort()
        case .cancelHandler: task?.cancel()
        }
    }

    /// Nothing more is begun: an idle connection closes, another one after its answer. A request that has arrived
    /// but was not looked at yet is still answered.
    func drain() {
        let isIdle = state.drain()
        guard isIdle, headWaiter != nil else { return }
        inputIsReady = true
        advanceHead()
        if headWaiter != nil, state.phase == .idle { end() }
    }

    // MARK: The end

    /// Sends what is left, then closes so that the answer is not destroyed by a reset (RFC 9112, section 9.6).
    private func finish() async {
        flush()
        while !output.isEmpty, !state.isClosed { await waitForProgress() }
        guard !state.isClosed else { return }
        if !(state.clientExpectsClose && nothingIsUnread()) {
            SocketCalls.shutdownWriting(descriptor)
            state.linger(now: context.loop.now)
            armTimer()
            await dropInput()
        }
        close()
    }

    /// Ends whatever waits, which then finds the connection closed.
    private func end() {
        close()
        resumeHead(.end)
        resumeBodyWaiter()
        resumeOutputWaiters()
    }

    /// Ends at once, with a reset: an answer cut short must not look complete. The handler is cancelled.
    func abort() {
        guard !state.isClosed else { return }
        leave(SocketCalls.reset)
        task?.cancel()
        resumeHead(.end)
        resumeBodyWaiter()
        resumeOutputWaiters()
    }

    private func close() {
        leave { Glibc.close($0) }
    }

    private func leave(_ closeDescriptor: (Int32) -> Void) {
        guard !state.isClosed else { return }
        state.close()
        timer.cancel()
        registration?.cancel()
        registration = nil
        closeDescriptor(descriptor)
        input = []
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

    func resumeHead(_ arrival: Arrival) {
        guard let waiter = headWaiter else { return }
        headWaiter = nil
        waiter.resume(returning: arrival)
    }

    func resumeBodyWaiter() {
        guard let waiter = bodyWaiter else { return }
        bodyWaiter = nil
        waiter.resume()
    }
}
