/// Writing: what is queued leaves at once, or when the kernel has room again; no task is needed for that.
extension Connection {
    /// Sends what was written and queued, as far as the kernel takes it.
    func flush() {
        act(on: core.flush(context))
        resumeOutputWaiters()
    }

    func act(on flush: ConnectionCore.Flush) {
        switch flush {
        case .done: break
        case .unblocked: watchWritable(false)
        case .blocked:
            armTimer()
            watchWritable(true)
        case .pause: scheduleFlush()
        case .failed: abort()
        }
    }

    /// Sends at the end of this turn of the loop: answers to pipelined requests leave together, and none waits for
    /// a handler that suspends.
    func scheduleFlush() {
        core.stash(context)
        guard !flushIsScheduled else { return }
        flushIsScheduled = true
        context.loop.execute { [self] in
            context.loop.isolate(self) {
                $0.flushIsScheduled = false
                $0.flush()
                $0.advance()
            }
        }
    }

    /// Suspends until something was sent, or the connection is closed.
    func waitForProgress() async {
        await withUnsafeContinuation { outputWaiters.append($0) }
    }

    /// Suspends while more is queued than may be; throws when the task is cancelled or the client gone.
    func waitForRoom() async throws {
        while core.output.count > ConnectionCore.maxQueuedBytes, !core.state.isClosed {
            try Task.checkCancellation()
            await withTaskCancellationHandler {
                await waitForProgress()
            } onCancel: {
                // A wake-up too many does no harm: whoever waits looks again.
                context.loop.execute { self.context.loop.isolate(self) { $0.resumeOutputWaiters() } }
            }
        }
        if core.state.isClosed { throw ConnectionError.clientLeft }
    }

    func resumeOutputWaiters() {
        guard !outputWaiters.isEmpty else { return }
        let waiters = outputWaiters
        outputWaiters = []
        for waiter in waiters { waiter.resume() }
    }

    func sendContinue() {
        guard exchange?.awaitsContinue == true else { return }
        exchange?.awaitsContinue = false
        ResponseEncoder.appendContinue(to: context.writer)
        flush()
    }
}
