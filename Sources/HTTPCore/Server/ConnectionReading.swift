import HTTPTypes

/// Reading: heads for the connection, bodies for the handler.
extension Connection {
    private enum Reading {
        case bytes(Int)
        case nothing
        case end
    }

    // MARK: Heads

    /// What is there of the next request.
    private enum Head {
        case complete(RequestHead)
        case incomplete
        case refusal(HTTPError)
        case end
    }

    /// Answers the requests that have arrived, as long as each can be answered at once; returns the first that cannot,
    /// or `nil` when no complete one is left.
    func takeArrival() -> Arrival? {
        if state.isDraining { inputIsReady = true }
        var answered = 0
        while !state.isClosed {
            switch headNow() {
            case .complete(let head):
                if let arrival = answerAtOnce(head) {
                    flush()
                    return arrival
                }
                if state.isLastAnswer { return .end }
                if output.count > Self.maxQueuedBytes { flush() }
                // A client that does not read its answers gets no more of them made.
                if output.count > Self.maxQueuedBytes { return nil }
                answered += 1
                if answered == Self.maxHeadsInARow { return pause() }
            case .incomplete:
                awaitHead()
                return nil
            case .refusal(let error):
                flush()
                return .refusal(error, RefusalCause(error), requestID: refusedID)
            case .end: return .end
            }
        }
        return .end
    }

    /// Pipelined requests answered before others get their turn.
    private static var maxHeadsInARow: Int { 256 }

    private func pause() -> Arrival? {
        flush()
        scheduleAdvance()
        return nil
    }

    private func awaitHead() {
        flush()
        guard !state.isClosed else { return }
        state.awaitHead(hasBegun: parser.hasBegun, now: context.loop.now)
        if state.isDraining, state.phase == .idle { return end() }
        armTimer()
    }

    private func headNow() -> Head {
        do throws(HTTPError) {
            if inputStart < input.count, let head = try parseInput() { return .complete(head) }
            while inputIsReady {
                switch readSome() {
                case .bytes(let count):
                    if let head = try parseRead(count) { return .complete(head) }
                case .nothing: break
                case .end: return .end
                }
            }
            return .incomplete
        } catch {
            return .refusal(error)
        }
    }

    /// One read into the shared buffer, which is the caller's until it suspends.
    private func readSome() -> Reading {
        do throws(SystemError) {
            switch try SocketCalls.read(descriptor, into: context.readBuffer) {
            case .wouldBlock:
                inputIsReady = false
                return .nothing
            case .done(0):
                clientHasEnded = true
                inputHasEnded = true
                return .end
            case .done(let count):
                // A short read has emptied the socket; its next bytes are a new edge. The end may hide behind it.
                if count < context.readBuffer.count, !clientHasEnded { inputIsReady = false }
                return .bytes(count)
            }
        } catch {
            clientHasEnded = true
            inputHasEnded = true
            return .end
        }
    }

    private func parseRead(_ count: Int) throws(HTTPError) -> RequestHead? {
        let bytes = UnsafeRawBufferPointer(rebasing: context.readBuffer[..<count])
        guard inputStart == input.count else {
            input.append(contentsOf: bytes)
            return try parseInput()
        }
        dropUsedInput()
        let span = bytes.bindMemory(to: UInt8.self).span
        guard let length = try parser.parse(span) else {
            input.append(contentsOf: bytes)
            return nil
        }
        let head = try understand(span)
        if length < count { input.append(contentsOf: bytes[length...]) }
        return head
    }

    private func parseInput() throws(HTTPError) -> RequestHead? {
        let span = input.span.extracting(inputStart..<input.count)
        guard let length = try parser.parse(span) else { return nil }
        let head = try understand(span)
        useInput(length)
        return head
    }

    private func understand(_ span: Span<UInt8>) throws(HTTPError) -> RequestHead {
        var reader = RequestReader()
        do throws(HTTPError) {
            let head = try reader.read(parser, span)
            parser.reset()
            return head
        } catch {
            refusedID = reader.requestID
            throw error
        }
    }

    private func useInput(_ count: Int) {
        inputStart += count
        if inputStart == input.count { dropUsedInput() }
    }

    private func dropUsedInput() {
        inputStart = 0
        if !input.isEmpty { input = [] }
    }

    // MARK: Bodies

    /// The next piece of the body of request `number`; `nil` after the last.
    func nextBodyPiece(of number: UInt64) async throws -> [UInt8]? {
        guard number == exchangeNumber, exchange != nil else { throw ConnectionError.requestIsOver }
        guard bodyWaiter == nil else { throw ConnectionError.secondReader }
        var piecesInARow = 0
        while true {
            if state.isClosed { throw ConnectionError.clientLeft }
            if let failure = exchange?.bodyFailure { throw failure }
            if exchange?.body.isComplete != false { return nil }
            sendContinue()
            if let piece = try bodyPieceNow() { return piece }
            if exchange?.body.isComplete == true { continue }
            if inputIsReady {
                piecesInARow += 1
                if piecesInARow % Self.maxReadsInARow == 0 { await context.loop.yield() }
            } else {
                try await waitForBody()
            }
        }
    }

    /// Reads in a row before others get their turn.
    private static var maxReadsInARow: Int { 16 }

    /// What of the body is here already; `nil` when that is nothing.
    private func bodyPieceNow() throws -> [UInt8]? {
        var piece: [UInt8] = []
        do throws(HTTPError) {
            if inputStart < input.count {
                try decodeInput(into: &piece)
            } else if inputIsReady {
                switch readSome() {
                case .bytes(let count): try decodeRead(count, into: &piece)
                case .nothing: return nil
                case .end: throw HTTPError(.badRequest, "The body ended before its end.")
                }
            }
        } catch {
            exchange?.bodyFailure = error
            context.note(RefusalCause(error))
            throw error
        }
        exchange?.bodyBytes += piece.count
        if exchange?.body.isComplete == true { noteClientEnd() }
        return piece.isEmpty ? nil : piece
    }

    private func decodeInput(into piece: inout [UInt8]) throws(HTTPError) {
        guard let exchange else { return }
        let used = try exchange.body.decode(input.span.extracting(inputStart..<input.count), into: &piece)
        useInput(used)
        state.receiveBody(bytes: used)
    }

    private func decodeRead(_ count: Int, into piece: inout [UInt8]) throws(HTTPError) {
        guard let exchange else { return }
        let bytes = UnsafeRawBufferPointer(rebasing: context.readBuffer[..<count])
        let used = try exchange.body.decode(bytes.bindMemory(to: UInt8.self).span, into: &piece)
        if used < count { input.append(contentsOf: bytes[used...]) }
        state.receiveBody(bytes: used)
    }

    private func waitForBody() async throws {
        try Task.checkCancellation()
        flush()
        state.awaitBody(now: context.loop.now)
        armTimer()
        await withTaskCancellationHandler {
            await withUnsafeContinuation { bodyWaiter = $0 }
        } onCancel: {
            // A wake-up too many does no harm: whoever waits looks again.
            context.loop.execute { self.assumeIsolated { $0.resumeBodyWaiter() } }
        }
        state.endBodyWait(now: context.loop.now)
    }

    /// Takes the rest of an unwanted body out of the input, without waiting.
    func skipBufferedBody() {
        while exchange?.body.isComplete == false, exchange?.bodyFailure == nil, inputStart < input.count {
            _ = try? bodyPieceNow()
        }
    }

    /// Reads and drops the rest of an unwanted body; false when it is too much, broken or late.
    func skipBody() async -> Bool {
        var left = context.limits.maxUnreadBodyBytes
        while left >= 0 {
            guard let piece = try? await nextBodyPiece(of: exchangeNumber) else { break }
            left -= piece.count
        }
        return exchange?.body.isComplete == true
    }

    // MARK: The end

    /// Whether closing now would throw no byte of the client's away, which would reset the connection.
    func nothingIsUnread() -> Bool {
        guard inputStart == input.count else { return false }
        inputIsReady = true
        switch readSome() {
        case .bytes: return false
        case .nothing, .end: return true
        }
    }

    /// Drops what comes until the client has ended its side, or time or bytes are up.
    func dropInput() async {
        input = []
        inputStart = 0
        while !state.isClosed {
            inputIsReady = true
            switch readSome() {
            case .end: return
            case .bytes(let count): if !state.dropLingering(bytes: count) { return }
            case .nothing: await withUnsafeContinuation { bodyWaiter = $0 }
            }
        }
    }
}
