import HTTPTypes

/// What a connection touches for every request, and what needs no task: reads, parses, answers at once, sends.
///
/// One value, so that the runtime checks one access to it an event, not one a field. It makes system calls, but waits
/// for nothing and holds no timer: ``Connection`` acts on what it returns.
struct ConnectionCore {
    /// How far it came with what has arrived.
    enum Step {
        /// No complete head is left; by `deadline` somebody has to look.
        case incomplete(deadline: LoopTime?)
        /// Nothing of a next request has come, and none is to come any more.
        case idle
        /// The client has to take some of its answers first.
        case blocked
        /// Others have to have their turn first.
        case pause
        case work(Work)
    }

    /// What the connection's task is for.
    enum Work {
        /// A request whose answer may have to be waited for.
        case request(RequestHead, Handler)
        /// What is no request: one answer, then the end.
        case refusal(HTTPError, RefusalCause, requestID: String?)
        /// The client has ended its side, or the last answer is written.
        case end
    }

    enum Reading {
        case bytes(Int)
        case nothing
        case end
    }

    struct Progress {
        var step: Step
        var flush: Flush
    }

    private enum Head {
        case complete, incomplete, end
    }

    let descriptor: Int32
    private let remoteAddress: String?
    var state: ConnectionState

    // Reading.
    private(set) var parser: RequestParser
    /// Bytes read but not used yet, from `inputStart` on; empty while none wait.
    private var input: [UInt8] = []
    private var inputStart = 0
    /// A read may bring something; false once one would block, until epoll tells again.
    var inputIsReady = false
    /// epoll told that the client has ended its side; what it sent before may still wait.
    var clientHasEnded = false
    /// Everything that the client has sent was read.
    private(set) var inputHasEnded = false
    /// The client's id of a head that was refused.
    private var refusedID: String?

    // Writing: see ConnectionCoreWriting.
    var output = OutputQueue()
    /// The kernel took no more, and has not told yet that it does again.
    var isBlocked = false

    /// Of the last request, so that a body or a writer that outlives it is told from the next one's.
    var exchangeNumber: UInt64 = 0

    init(context: ServerContext, descriptor: Int32, remoteAddress: String?) {
        self.descriptor = descriptor
        self.remoteAddress = remoteAddress
        state = ConnectionState(context.bounds, now: context.loop.now)
        parser = RequestParser(limits: context.wireLimits)
    }

    // MARK: Requests

    /// Pipelined requests answered before others get their turn.
    private static let maxHeadsInARow = 256

    /// Takes note of an event; false when it comes too late.
    mutating func note(_ readiness: Readiness) -> Bool {
        if readiness.contains(.readable) { inputIsReady = true }
        if readiness.contains(.closed) { clientHasEnded = true }
        return !state.isClosed
    }

    /// Answers the requests that have arrived, as long as each can be answered at once, and sends the answers.
    mutating func proceed(_ context: ServerContext) -> Progress {
        // A client that does not read its answers gets no more of them made.
        guard !state.isClosed, output.count <= Self.maxQueuedBytes else {
            return Progress(step: state.isClosed ? .work(.end) : .blocked, flush: .done)
        }
        let first = exchangeNumber
        var step = takeRequests(context, &context.head.pointee)
        context.counters.requests += Int(exchangeNumber - first)
        let flush = flush(context)
        switch step {
        case .incomplete:
            // Until the client has taken its answers it is neither idle nor to be let go.
            if output.isEmpty || parser.hasBegun {
                state.awaitHead(hasBegun: parser.hasBegun, now: context.loop.now)
            }
            let isOver = state.isDraining && state.phase == .idle && output.isEmpty
            step = isOver ? .idle : .incomplete(deadline: state.nextDeadline)
        case .pause where isBlocked: step = .blocked
        default: break
        }
        return Progress(step: step, flush: flush)
    }

    /// The answers lie in the shared writer afterwards, "in the same order that the requests were received" (RFC 9112,
    /// section 9.3.2): the next request waits for the answer before it.
    private mutating func takeRequests(_ context: ServerContext, _ head: inout RequestHead) -> Step {
        assert(context.writer.count == 0, "another connection's bytes")
        if state.isDraining { inputIsReady = true }
        let date = context.date
        for _ in 0..<Self.maxHeadsInARow {
            do throws(HTTPError) {
                switch try nextHead(context, into: &head) {
                case .complete: break
                case .incomplete: return .incomplete(deadline: nil)
                case .end: return .work(.end)
                }
            } catch {
                return .work(.refusal(error, RefusalCause(error), requestID: refusedID))
            }
            if let work = answer(&head, date, context) { return .work(work) }
            if state.isLastAnswer { return .work(.end) }
            if context.writer.count > Self.maxQueuedBytes || !output.isEmpty { return .pause }
        }
        return .pause
    }

    /// Answers a request that no task is needed for: its handler is immediate, its answer in memory, and it has no
    /// body. Returns any other one.
    private mutating func answer(
        _ head: inout RequestHead, _ date: [UInt8], _ context: ServerContext
    ) -> Work? {
        state.beginRequest(keepsAlive: head.keepsAlive)
        exchangeNumber += 1
        do {
            let handler = try context.responder.handler(for: &head.request)
            guard head.framing == .none, case .immediate(let respond) = handler else {
                return .request(head, handler)
            }
            let response = try respond(head.request)
            guard let content = response.body.content else {
                return .request(head, .immediate { _ in response })
            }
            try write(response, content, to: head, date, context)
            return nil
        } catch {
            return .request(head, .immediate { _ in throw error })
        }
    }

    // MARK: Reading

    private mutating func nextHead(
        _ context: ServerContext, into head: inout RequestHead
    ) throws(HTTPError) -> Head {
        if inputStart < input.count, try parseInput(into: &head) { return .complete }
        while inputIsReady {
            switch read(context) {
            case .bytes(let count): if try parseRead(count, context, into: &head) { return .complete }
            case .nothing: break
            case .end: return .end
            }
        }
        return .incomplete
    }

    /// One read into the shared buffer, which is the caller's until it suspends.
    mutating func read(_ context: ServerContext) -> Reading {
        do throws(SystemError) {
            switch try SocketCalls.read(descriptor, into: context.readBuffer) {
            case .wouldBlock:
                inputIsReady = false
                return .nothing
            case .done(0): break
            case .done(let count):
                // A short read has emptied the socket; its next bytes are a new edge. The end may hide behind it.
                if count < context.readBuffer.count, !clientHasEnded { inputIsReady = false }
                return .bytes(count)
            }
        } catch {
            // A reset: nothing more comes.
        }
        clientHasEnded = true
        inputHasEnded = true
        return .end
    }

    private mutating func parseRead(
        _ count: Int, _ context: ServerContext, into head: inout RequestHead
    ) throws(HTTPError) -> Bool {
        let bytes = UnsafeRawBufferPointer(rebasing: context.readBuffer[..<count])
        dropUsedInput()
        guard input.isEmpty else {
            input.append(contentsOf: bytes)
            return try parseInput(into: &head)
        }
        let span = bytes.bindMemory(to: UInt8.self).span
        guard let length = try parser.parse(span) else {
            input.append(contentsOf: bytes)
            return false
        }
        try understand(span, into: &head)
        if length < count { input.append(contentsOf: bytes[length...]) }
        return true
    }

    private mutating func parseInput(into head: inout RequestHead) throws(HTTPError) -> Bool {
        // Its own reference: the parser changes while it looks at the bytes.
        let input = self.input
        let span = input.span.extracting(inputStart..<input.count)
        guard let length = try parser.parse(span) else { return false }
        try understand(span, into: &head)
        useInput(length)
        return true
    }

    private mutating func understand(
        _ span: Span<UInt8>, into head: inout RequestHead
    ) throws(HTTPError) {
        var reader = RequestReader()
        do throws(HTTPError) {
            try reader.read(parser, span, from: remoteAddress, into: &head)
            parser.reset()
        } catch {
            refusedID = reader.requestID
            throw error
        }
    }

    /// Whether bytes that were read wait to be used.
    var hasInput: Bool { inputStart < input.count }

    private mutating func useInput(_ count: Int) {
        inputStart += count
        if inputStart == input.count { dropUsedInput() }
    }

    /// Keeps only what waits: a client that never stops sending must not leave behind what it has had answered.
    private mutating func dropUsedInput() {
        if inputStart == input.count {
            if !input.isEmpty { input = [] }
        } else {
            input.removeFirst(inputStart)
        }
        inputStart = 0
    }

    /// Forgets what waits.
    mutating func dropInput() {
        input = []
        inputStart = 0
    }

    // MARK: Bodies

    /// Decodes the bytes that wait.
    mutating func decodeInput(_ body: inout BodyDecoder, into piece: inout [UInt8]) throws(HTTPError) {
        let used = try body.decode(input.span.extracting(inputStart..<input.count), into: &piece)
        useInput(used)
        state.receiveBody(bytes: used)
    }

    /// Decodes the `count` bytes that were just read; those behind the body wait.
    mutating func decodeRead(
        _ count: Int, _ body: inout BodyDecoder, into piece: inout [UInt8], _ context: ServerContext
    ) throws(HTTPError) {
        let bytes = UnsafeRawBufferPointer(rebasing: context.readBuffer[..<count])
        let used = try body.decode(bytes.bindMemory(to: UInt8.self).span, into: &piece)
        dropUsedInput()
        if used < count { input.append(contentsOf: bytes[used...]) }
        state.receiveBody(bytes: used)
    }

    /// Whether closing now would throw no byte of the client's away, which would reset the connection.
    mutating func nothingIsUnread(_ context: ServerContext) -> Bool {
        if inputHasEnded { return true }
        guard !hasInput else { return false }
        inputIsReady = true
        switch read(context) {
        case .bytes: return false
        case .nothing, .end: return true
        }
    }
}
