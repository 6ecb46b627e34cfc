import HTTPTypes

/// A request's body on its way to the handler.
extension Connection {
    /// The next piece of the body of request `number`; `nil` after the last.
    func nextBodyPiece(of number: UInt64, toSkip: Bool = false) async throws -> [UInt8]? {
        if bodyIsBeingRead { throw ConnectionError.secondReader }
        bodyIsBeingRead = true
        defer { bodyIsBeingRead = false }
        while true {
            // Again after every wait: the next request's body is not this reader's.
            guard number == core.exchangeNumber, let exchange, toSkip || !exchange.isAnswered else {
                throw ConnectionError.requestIsOver
            }
            if core.state.isClosed { throw ConnectionError.clientLeft }
            if let failure = exchange.bodyFailure { throw failure }
            if exchange.body.isComplete { return nil }
            if readsInARow >= Self.maxReadsInARow {
                readsInARow = 0
                await context.loop.yield()
                continue
            }
            if let piece = try bodyPieceNow() { return piece }
            if !core.inputIsReady, !exchange.body.isComplete {
                sendContinue()
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
            guard let exchange else { return nil }
            if core.hasInput {
                try core.decodeInput(&exchange.body, into: &piece)
            } else if core.inputIsReady {
                readsInARow += 1
                switch core.read(context) {
                case .bytes(let count): try core.decodeRead(count, &exchange.body, into: &piece, context)
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
        // Whoever sends does not wait: no interim answer is owed (RFC 9110, section 10.1.1).
        if !piece.isEmpty { exchange?.awaitsContinue = false }
        if core.clientHasEnded { core.state.progressAfterClientEnd(now: context.loop.now) }
        return piece.isEmpty ? nil : piece
    }

    private func waitForBody() async throws {
        try Task.checkCancellation()
        flush()
        if core.state.isClosed { throw ConnectionError.clientLeft }
        readsInARow = 0
        core.state.awaitBody(now: context.loop.now)
        armTimer()
        await withTaskCancellationHandler {
            await withUnsafeContinuation { bodyWaiter = $0 }
        } onCancel: {
            // A wake-up too many does no harm: whoever waits looks again.
            context.loop.execute { self.context.loop.isolate(self) { $0.resumeBodyWaiter() } }
        }
        core.state.endBodyWait(now: context.loop.now)
    }

    /// Takes the rest of an unwanted body out of the input, without waiting.
    func skipBufferedBody() {
        while exchange?.body.isComplete == false, exchange?.bodyFailure == nil, core.hasInput {
            _ = try? bodyPieceNow()
        }
    }

    /// Reads and drops the rest of an unwanted body; false when it is too much, broken or late.
    func skipBody() async -> Bool {
        var left = context.limits.maxUnreadBodyBytes
        while left >= 0 {
            guard let piece = try? await nextBodyPiece(of: core.exchangeNumber, toSkip: true) else { break }
            left -= piece.count
        }
        return exchange?.body.isComplete == true
    }
}
