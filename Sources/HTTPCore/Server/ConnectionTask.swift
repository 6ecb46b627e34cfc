import HTTPTypes

/// The connection's task: made for the first request that cannot be answered at once, and kept for the next ones.
extension Connection {
    func handOver(_ work: ConnectionCore.Work) {
        if case .end = work, finishNow() { return }
        taskIsBusy = true
        if let waiter = workWaiter {
            workWaiter = nil
            waiter.resume(returning: work)
        } else {
            task = Task(executorPreference: context.preference) { await self.run(work) }
        }
    }

    private func run(_ first: ConnectionCore.Work) async {
        var work = first
        while true {
            switch work {
            case .request(let head, let handler):
                await serve(head, handler)
                if mustSettle { await settle() }
                exchange = nil
            case .refusal(let error, let cause, let requestID):
                await refuse(error, cause, requestID: requestID)
            case .end: return await finish()
            }
            if core.state.isClosed { return }
            if core.state.isLastAnswer { return await finish() }
            await yieldAtTimes()
            work = await nextWork()
        }
    }

    /// Requests answered in a row, without one that had to be waited for, before others get their turn.
    private static var maxRequestsInARow: Int { 64 }

    private func yieldAtTimes() async {
        requestsInARow += 1
        guard requestsInARow >= Self.maxRequestsInARow else { return }
        requestsInARow = 0
        await context.loop.yield()
    }

    private func nextWork() async -> ConnectionCore.Work {
        taskIsBusy = false
        if let work = takeWork() {
            taskIsBusy = true
            return work
        }
        if core.state.isClosed { return .end }
        requestsInARow = 0
        return await withUnsafeContinuation { workWaiter = $0 }
    }

    /// Sends what is left, then closes so that the answer is not destroyed by a reset (RFC 9112, section 9.6).
    private func finish() async {
        while !finishNow() {
            if core.output.isEmpty {
                SocketCalls.shutdownWriting(core.descriptor)
                core.state.linger(now: context.loop.now)
                armTimer()
                await dropInput()
                return close()
            }
            await waitForProgress()
        }
    }

    /// Drops what comes until the client has ended its side, or time or bytes are up.
    private func dropInput() async {
        core.dropInput()
        while !core.state.isClosed {
            core.inputIsReady = true
            switch core.read(context) {
            case .end: return
            case .bytes(let count): if !core.state.dropLingering(bytes: count) { return }
            case .nothing: await withUnsafeContinuation { bodyWaiter = $0 }
            }
        }
    }
}
