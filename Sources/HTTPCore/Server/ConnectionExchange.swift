import HTTPTypes
import Logging

/// One request after the other: ask the responder, write what it answers.
extension Connection {
    /// Answers any request, in the connection's task.
    func serve(_ head: RequestHead, _ handler: Handler) async {
        var request = head.request
        if head.framing != .none {
            let source = ConnectionBody(connection: self, number: core.exchangeNumber)
            request.body = RequestBody(source: source, length: request.body.length)
        }
        begin(
            Exchange(
                request: request, minorVersion: head.minorVersion,
                body: BodyDecoder(head.framing, limits: context.wireLimits),
                awaitsContinue: head.expectsContinue, start: context.loop.now,
                outputStart: core.output.appended))
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
        // It waited for its turn; the descriptor may be somebody else's by now.
        guard !core.state.isClosed else { return }
        context.counters.refusals[error.status.code, default: 0] += 1
        context.note(cause)
        core.state.beginRefusal()
        core.exchangeNumber += 1
        begin(
            Exchange(
                request: nil, id: requestID, isHead: core.parser.isHead,
                minorVersion: core.parser.minorVersion,
                body: BodyDecoder(.none, limits: context.wireLimits), awaitsContinue: false,
                start: context.loop.now, outputStart: core.output.appended))
        await answerFailure(error)
        reportEnd()
        exchange = nil
        core.state.setLastAnswer()
    }

    private func reportEnd() {
        guard let observer = context.observer, let exchange else { return }
        observer.requestEnded(
            exchange.summary(
                remoteAddress: remoteAddress, responseBytes: core.output.appended - exchange.outputStart,
                duration: .nanoseconds(LoopTime.now - exchange.start)))
    }

    private func begin(_ exchange: Exchange) {
        self.exchange = exchange
        if core.clientHasEnded { noteClientEnd() }
    }

    /// Whether something of the last request stands in the next one's way.
    var mustSettle: Bool {
        core.state.endRequest()
        return exchange?.body.isComplete == false || core.output.count > ConnectionCore.maxQueuedBytes
    }

    /// Leaves nothing of this request behind for the next one.
    func settle() async {
        exchange?.isAnswered = true
        // Who was left reading the body is told so first.
        while bodyIsBeingRead {
            resumeBodyWaiter()
            await context.loop.yield()
        }
        if !core.state.isLastAnswer, exchange?.body.isComplete == false, !(await skipBody()) {
            core.state.setLastAnswer()
        }
        // A client that does not read its answers gets no more of them made.
        while core.output.count > ConnectionCore.maxQueuedBytes, !core.state.isClosed {
            await waitForProgress()
        }
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
        if let length, length < 0 { throw ConnectionError.wrongLength }
        let framing = ResponseEncoder.framing(
            status: response.status, length: length, minorVersion: exchange.minorVersion)
        if exchange.isHead || framing == .forbidden {
            return try sendHead(response, framing: framing, isWhole: true)
        }
        exchange.answer = .announced(response, length: length)
        try await produce(ConnectionWriter(connection: self, number: core.exchangeNumber))
        try finishStream()
    }

    /// A whole answer: head and content leave together.
    private func send(_ response: Response, content: [UInt8]) throws {
        guard let exchange else { return }
        let framing = ResponseEncoder.framing(
            status: response.status, length: content.count, minorVersion: exchange.minorVersion)
        try sendHead(response, framing: framing, isWhole: true)
        if framing != .forbidden, !exchange.isHead { core.append(content, context) }
        flushAnswer()
    }

    private func sendHead(_ response: Response, framing: ResponseFraming, isWhole: Bool) throws {
        if core.state.isClosed { throw ConnectionError.clientLeft }
        // A streamed answer's producer may still be reading the body.
        if isWhole { skipBufferedBody() }
        guard let exchange else { return }
        let closes = try ResponseEncoder.encodeHead(
            response, framing: framing,
            closes: core.state.mustClose || framing == .untilClose || leavesBodyUnread(exchange),
            minorVersion: exchange.minorVersion, requestID: exchange.requestID, date: context.date,
            into: context.writer)
        if closes { core.state.setLastAnswer() }
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
        if core.hasInput, core.output.count < ConnectionCore.maxQueuedBytes, !core.state.isLastAnswer {
            scheduleFlush()
        } else {
            flush()
        }
    }

    // MARK: Streams

    /// Sends a piece of the streamed answer to request `number`.
    func write(_ bytes: [UInt8], for number: UInt64) async throws {
        guard number == core.exchangeNumber, exchange != nil else { throw ConnectionError.requestIsOver }
        let framing = try beginPiece(bytes.count)
        append(bytes, framing)
        flush()
        if core.clientHasEnded { core.state.progressAfterClientEnd(now: context.loop.now) }
        bytesInARow += bytes.count
        if bytesInARow > Self.maxStreamedInARow {
            bytesInARow = 0
            await context.loop.yield()
        }
        try await waitForRoom()
    }

    /// Sends the head before the first piece. Throws before anything is written.
    private func beginPiece(_ count: Int) throws -> ResponseFraming {
        switch exchange?.answer {
        case .announced(let response, let length)?:
            guard count <= length ?? count else { throw ConnectionError.wrongLength }
            let framing = ResponseEncoder.framing(
                status: response.status, length: length, minorVersion: exchange?.minorVersion ?? 1)
            try sendHead(response, framing: framing, isWhole: false)
            exchange?.answer = .streaming(framing, left: length.map { $0 - count })
            return framing
        case .streaming(let framing, let left)?:
            guard count <= left ?? count else { throw ConnectionError.wrongLength }
            exchange?.answer = .streaming(framing, left: left.map { $0 - count })
            return framing
        case .complete?, .none?, nil: throw ConnectionError.requestIsOver
        }
    }

    /// Streamed to a fast reader before others get their turn. 1 MiB.
    private static var maxStreamedInARow: Int { 1 << 20 }

    private func append(_ bytes: [UInt8], _ framing: ResponseFraming) {
        guard framing == .chunked else { return core.append(bytes, context) }
        // An empty chunk would end the body.
        guard !bytes.isEmpty else { return }
        ResponseEncoder.appendChunkSize(bytes.count, to: context.writer)
        core.append(bytes, context)
        ResponseEncoder.appendChunkEnd(to: context.writer)
    }

    private func finishStream() throws {
        switch exchange?.answer {
        case .announced(let response, let length):
            guard length ?? 0 == 0 else { throw ConnectionError.wrongLength }
            try send(Response(status: response.status, headers: response.headers), content: [])
        case .streaming(let framing, let left):
            guard left ?? 0 == 0 else { throw ConnectionError.wrongLength }
            if framing == .chunked { ResponseEncoder.appendLastChunk(to: context.writer) }
            exchange?.answer = .complete
            flush()
        case .none?, .complete, nil: break
        }
    }

    // MARK: Failures

    /// Turns what a handler threw into an answer; if one has begun already, cuts it off.
    private func answerFailure(_ error: any Error) async {
        guard let exchange, !core.state.isClosed else { return }
        if exchange.hasBegunAnswer {
            log("answer cut off", error, exchange)
            return cutOff(exchange)
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

    /// Ends with an answer that is not whole. A chunked or counted one shows that itself; a reset would destroy the good
    /// answers before it that are still on their way. Only where the end of the connection is the end of the content
    /// must it not look like one.
    private func cutOff(_ exchange: Exchange) {
        if case .streaming(let framing, _) = exchange.answer, framing != .untilClose, !Task.isCancelled {
            core.state.setLastAnswer()
        } else {
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
