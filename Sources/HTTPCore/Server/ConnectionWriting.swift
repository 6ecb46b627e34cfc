/// Writing: what is queued leaves at once, or when the kernel has room again; no task is needed for that.
extension Connection {
    /// Queued bytes above which a producer, or the next request, waits. 64 KiB: one read ahead, one answer behind.
    static var maxQueuedBytes: Int { 64 << 10 }
    /// Sent in a row before others get their turn. 1 MiB.
    private static var maxBytesInARow: Int { 1 << 20 }

    /// Sends what is queued, as far as the kernel takes it.
    func flush() {
        var sent = 0
        while !output.isEmpty, !state.isClosed {
            if sent >= Self.maxBytesInARow { return scheduleFlush() }
            do throws(SystemError) {
                switch try offerOutput() {
                case .done(let count):
                    output.consume(count)
                    sent += count
                case .wouldBlock:
                    state.awaitWritable(now: context.loop.now)
                    armTimer()
                    watchWritable(true)
                    if sent > 0 { resumeOutputWaiters() }
                    return
                }
            } catch {
                return abort()
            }
        }
        state.endWritableWait()
        watchWritable(false)
        resumeOutputWaiters()
    }

    private func offerOutput() throws(SystemError) -> NonBlocking<Int> {
        let whole = try output.offerWhole { bytes throws(SystemError) in
            try SocketCalls.write(descriptor, bytes)
        }
        if let whole { return whole }
        return try output.offer { buffers throws(SystemError) in try SocketCalls.write(descriptor, buffers) }
    }

    /// Sends at the end of this turn of the loop: answers to pipelined requests leave together, and none waits for
    /// a handler that suspends.
    func scheduleFlush() {
        guard !flushIsScheduled else { return }
        flushIsScheduled = true
        context.loop.execute { [self] in
            assumeIsolated {
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
        while output.count > Self.maxQueuedBytes, !state.isClosed {
            try Task.checkCancellation()
            await withTaskCancellationHandler {
                await waitForProgress()
            } onCancel: {
                // A wake-up too many does no harm: whoever waits looks again.
                context.loop.execute { self.assumeIsolated { $0.resumeOutputWaiters() } }
            }
        }
        if state.isClosed { throw ConnectionError.clientLeft }
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
        output.append { ResponseEncoder.appendContinue(to: &$0) }
        flush()
    }
}
