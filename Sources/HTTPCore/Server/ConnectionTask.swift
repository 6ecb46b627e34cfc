import HTTPTypes

/// The connection's task: made for the first request that cannot be answered at once, and kept for the next ones.
extension Connection {
    func handOver(_ arrival: Arrival) {
        if case .end = arrival, finishNow() { return }
        taskIsBusy = true
        if let waiter = arrivalWaiter {
            arrivalWaiter = nil
            waiter.resume(returning: arrival)
        } else {
            task = Task(executorPreference: context.preference) { await self.run(arrival) }
        }
    }

    private func run(_ first: Arrival) async {
        var arrival = first
        while true {
            switch arrival {
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
            arrival = await nextArrival()
        }
    }

    private func nextArrival() async -> Arrival {
        taskIsBusy = false
        if let arrival = takeArrival() {
            taskIsBusy = true
            return arrival
        }
        if core.state.isClosed { return .end }
        return await withUnsafeContinuation { arrivalWaiter = $0 }
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
