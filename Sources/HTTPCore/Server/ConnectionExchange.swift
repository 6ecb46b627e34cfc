import HTTPTypes
import Logging

/// One request after the other: ask the responder, write what it answers.
extension Connection {
    /// Answers a request that no task is needed for: its handler is immediate, its answer in memory, and it has no
    /// body. Returns any other one.
    func answerAtOnce(_ head: RequestHead) -> Arrival? {
        context.counters.requests += 1
        state.beginRequest(keepsAlive: head.keepsAlive)
        exchangeNumber += 1
        var request = makeRequest(head)
        do {
            let handler = try context.responder.handler(for: &request)
            guard head.framing == .none, case .immediate(let respond) = handler else {
                return .request(head, request, handler)
            }
            let response = try respond(request)
            guard let content = response.body.content else {
                return .request(head, request, .immediate { _ in response })
            }
            let before = output.appended
            try append(response, content, to: request, head)
            state.endRequest()
            if let observer = context.observer {
                observer.requestEnded(
                    RequestSummary(
                        request, status: response.status.code, responseBytes: output.appended - before,
                        duration: .now - context.loop.now))
            }
            return nil
        } catch {
            return .request(head, request, .immediate { _ in throw error })
        }
    }

    private func append(
        _ response: Response, _ content: [UInt8], to request: Request, _ head: RequestHead
    ) throws(ResponseFault) {
        let framing = ResponseEncoder.framing(
            status: response.status, length: content.count, minorVersion: head.minorVersion)
        let context = ResponseEncoder.Context(
            framing: framing, closes: state.mustClose || framing == .untilClose,
            minorVersion: head.minorVersion, dateLine: context.dateLine, requestID: request.id)
        let closes = try output.append { output throws(ResponseFault) in
            try ResponseEncoder.encodeHead(response, context, into: &output)
        }
        if closes { state.setLastAnswer() }
        if framing != .forbidden, request.method != .head { output.append(content) }
    }

    private func makeRequest(_ head: RequestHead) -> Request {
        Request(
            method: head.method, path: head.path, query: head.query, fieldSection: head.fieldSection,
            body: requestBody(head.framing), id: head.requestID ?? RequestID.generate(),
            remoteAddress: remoteAddress)
    }

    /// Answers any request, in the connection's task.
    func serve(_ request: Request, _ handler: Handler, _ head: RequestHead) async {
        begin(
            Exchange(
                request: request, minorVersion: head.minorVersion,
                body: BodyDecoder(head.framing, limits: context.wireLimits),
                awaitsContinue: head.expectsContinue, start: context.loop.now, outputStart: output.appended))
        do {
            let response = try await handler(request)
            if try !answerNow(with: response) { try await stream(response) }
        } catch {
            await answerFailure(error)
        }
        reportEnd()
    }

    /// Answers what is not a request, and ends (RFC 9112, section 2.2).
    func refuse(_ error: HTTPError, _ cause: RefusalCause, requestID: String?) async {
        context.counters.refusals[error.status.code, default: 0] += 1
        context.note(cause)
        state.beginRefusal()
        exchangeNumber += 1
        begin(
            Exchange(
                request: nil, id: requestID ?? RequestID.generate(), minorVersion: 1,
                body: BodyDecoder(.none, limits: context.wireLimits), awaitsContinue: false,
                start: context.loop.now, outputStart: output.appended))
        await answerFailure(error)
        reportEnd()
        exchange = nil
        state.setLastAnswer()
    }

    private func reportEnd() {
        guard let observer = context.observer, let exchange else { return }
        observer.requestEnded(
            exchange.summary(
                remoteAddress: remoteAddress, responseBytes: output.appended - exchange.outputStart,
                duration: .now - exchange.start))
    }

    private func begin(_ exchange: Exchange) {
        self.exchange = exchange
        if clientHasEnded { noteClientEnd() }
    }

    private func requestBody(_ framing: BodyFraming) -> RequestBody {
        switch framing {
        case .none: .empty
        case .length(let length):
            RequestBody(source: ConnectionBody(connection: self, number: exchangeNumber), length: length)
        case .chunked:
            RequestBody(source: ConnectionBody(connection: self, number: exchangeNumber), length: nil)
        }
    }

    /// Whether something of the last request stands in the next one's way.
    var mustSettle: Bool {
        state.endRequest()
        return exchange?.body.isComplete == false || output.count > Self.maxQueuedBytes
    }

    /// Leaves nothing of this request behind for the next one.
    func settle() async {
        if !state.isLastAnswer, exchange?.body.isComplete == false, !(await skipBody()) {
            state.setLastAnswer()
        }
        // A client that does not read its answers gets no more of them made.
        while output.count > Self.maxQueuedBytes, !state.isClosed { await waitForProgress() }
    }

    // MARK: Answers

    /// Sends an answer that needs no waiting; false when it is a stream.
    private func answerNow(with response: Response) throws -> Bool {
        guard let content = response.body.content else { return false }
        try send(response, content: content)
        return true
    }

    private func stream(_ response: Response) async throws {
        guard case .stream(let length, let produce) = response.body, let exchange else { return }
        let framing = ResponseEncoder.framing(
            status: response.status, length: length, minorVersion: exchange.minorVersion)
        if exchange.isHead || framing == .forbidden {
            return try sendHead(response, framing: framing, isWhole: true)
        }
        exchange.answer = .announced(response, length: length)
        try await produce(ConnectionWriter(connection: self, number: exchangeNumber))
        try finishStream()
    }

    /// A whole answer: head and content leave together.
    private func send(_ response: Response, content: [UInt8]) throws {
        guard let exchange else { return }
        let framing = ResponseEncoder.framing(
            status: response.status, length: content.count, minorVersion: exchange.minorVersion)
        try sendHead(response, framing: framing, isWhole: true)
        if framing != .forbidden, !exchange.isHead { output.append(content) }
        flushAnswer()
    }

    private func sendHead(_ response: Response, framing: ResponseFraming, isWhole: Bool) throws {
        if state.isClosed { throw ConnectionError.clientLeft }
        // A streamed answer's producer may still be reading the body.
        if isWhole { skipBufferedBody() }
        guard let exchange else { return }
        let head = ResponseEncoder.Context(
            framing: framing,
            closes: state.mustClose || framing == .untilClose || leavesBodyUnread(exchange),
            minorVersion: exchange.minorVersion, dateLine: context.dateLine, requestID: exchange.requestID)
        let closes = try output.append { output throws(ResponseFault) in
            try ResponseEncoder.encodeHead(response, head, into: &output)
        }
        if closes { state.setLastAnswer() }
        self.exchange?.status = response.status.code
        self.exchange?.awaitsContinue = false
        self.exchange?.answer = isWhole ? .complete : .streaming(framing, left: framing.length)
        if isWhole, exchange.isHead || framing == .forbidden { flushAnswer() }
    }

    /// Whether so much of the body is unread that the connection cannot go on behind it.
    private func leavesBodyUnread(_ exchange: Exchange) -> Bool {
        guard !exchange.body.isComplete else { return false }
        if exchange.awaitsContinue || exchange.bodyFailure != nil { return true }
        return (exchange.body.bytesLeft ?? 0) > context.limits.maxUnreadBodyBytes
    }

    /// Answers to requests that wait in the input already leave together.
    private func flushAnswer() {
        if inputStart < input.count, output.count < Self.maxQueuedBytes, !state.isLastAnswer {
            scheduleFlush()
        } else {
            flush()
        }
    }

    // MARK: Streams

    /// Sends a piece of the streamed answer to request `number`.
    func write(_ bytes: [UInt8], for number: UInt64) async throws {
        guard number == exchangeNumber, exchange != nil else { throw ConnectionError.requestIsOver }
        if case .announced(let response, let length)? = exchange?.answer {
            let framing = ResponseEncoder.framing(
                status: response.status, length: length, minorVersion: exchange?.minorVersion ?? 1)
            try sendHead(response, framing: framing, isWhole: false)
        }
        guard case .streaming(let framing, let left)? = exchange?.answer else {
            throw ConnectionError.requestIsOver
        }
        if let left {
            guard bytes.count <= left else { throw ConnectionError.wrongLength }
            exchange?.answer = .streaming(framing, left: left - bytes.count)
        }
        append(bytes, framing)
        flush()
        bytesInARow += bytes.count
        if bytesInARow > Self.maxStreamedInARow {
            bytesInARow = 0
            await context.loop.yield()
        }
        try await waitForRoom()
    }

    /// Streamed to a fast reader before others get their turn. 1 MiB.
    private static var maxStreamedInARow: Int { 1 << 20 }

    private func append(_ bytes: [UInt8], _ framing: ResponseFraming) {
        guard framing == .chunked else { return output.append(bytes) }
        // An empty chunk would end the body.
        guard !bytes.isEmpty else { return }
        output.append { ResponseEncoder.appendChunkSize(bytes.count, to: &$0) }
        output.append(bytes)
        output.append { ResponseEncoder.appendChunkEnd(to: &$0) }
    }

    private func finishStream() throws {
        switch exchange?.answer {
        case .announced(let response, let length):
            guard length ?? 0 == 0 else { throw ConnectionError.wrongLength }
            try send(Response(status: response.status, headers: response.headers), content: [])
        case .streaming(let framing, let left):
            guard left ?? 0 == 0 else { throw ConnectionError.wrongLength }
            if framing == .chunked { output.append { ResponseEncoder.appendLastChunk(to: &$0) } }
            exchange?.answer = .complete
            flush()
        case .none?, .complete, nil: break
        }
    }

    // MARK: Failures

    /// Turns what a handler threw into an answer; if one has begun already, cuts it off.
    private func answerFailure(_ error: any Error) async {
        guard let exchange, !state.isClosed else { return }
        if exchange.hasBegunAnswer {
            log("answer cut off", error, exchange)
            exchange.isCutOff = true
            return abort()
        }
        // Nobody is left to answer: the client has gone, and its handler was cancelled for that.
        if error is CancellationError, Task.isCancelled { return abort() }
        exchange.answer = .none
        var shown = HTTPError(.internalServerError, "The request failed for a reason of the server's own.")
        if let error = error as? HTTPError { shown = error } else { log("handler failed", error, exchange) }
        do {
            let response = context.errorResponse(shown, exchange.requestID)
            if try answerNow(with: response) { return }
            try await stream(response)
        } catch {
            log("error answer failed", error, exchange)
            abort()
        }
    }

    private func log(_ message: Logger.Message, _ error: any Error, _ exchange: Exchange) {
        if error as? ConnectionError == .clientLeft { return }
        context.logger.error(
            message, metadata: ["request_id": "\(exchange.requestID)", "error": "\(error)"])
    }
}

extension ResponseFraming {
    /// In bytes, where it is announced.
    var length: Int? {
        if case .length(let length) = self { length } else { nil }
    }
}
