import HTTPTypes

/// Writing: answers go into the writer that all connections share, and from there to the socket at once. Only what the
/// kernel does not take is queued, so an idle connection holds no output.
extension ConnectionCore {
    /// Queued bytes above which a producer, or the next request, waits. 64 KiB: one read ahead, one answer behind.
    static let maxQueuedBytes = 64 << 10
    /// Sent in a row before others get their turn. 1 MiB.
    private static let maxBytesInARow = 1 << 20

    enum Flush {
        /// Nothing is left.
        case done
        /// Nothing is left, for the first time since the kernel took no more.
        case unblocked
        /// The kernel takes no more for now.
        case blocked
        /// Others have to have their turn first.
        case pause
        case failed
    }

    /// A whole answer to a request without a body.
    mutating func write(
        _ response: Response, _ content: [UInt8], to head: RequestHead, _ date: [UInt8],
        _ context: ServerContext
    ) throws(ResponseFault) {
        let framing = ResponseEncoder.framing(
            status: response.status, length: content.count, minorVersion: head.minorVersion)
        let before = output.appended + context.writer.count
        let closes = try ResponseEncoder.encodeHead(
            response, framing: framing, closes: state.mustClose || framing == .untilClose,
            minorVersion: head.minorVersion, requestID: head.request.id, date: date,
            into: context.writer)
        if closes { state.setLastAnswer() }
        if framing != .forbidden, head.request.method != .head { append(content, context) }
        state.endRequest()
        guard let observer = context.observer else { return }
        observer.requestEnded(
            RequestSummary(
                head.request, status: response.status.code,
                responseBytes: output.appended + context.writer.count - before,
                nanoseconds: LoopTime.now - context.loop.now))
    }

    /// Content behind what was written before.
    mutating func append(_ content: [UInt8], _ context: ServerContext) {
        guard content.count >= OutputQueue.minReferencedBytes else { return context.writer.append(content) }
        stash(context)
        output.append(content)
    }

    /// Queues what was written, for a later flush. The writer is empty whenever another connection may need it.
    mutating func stash(_ context: ServerContext) {
        output.append(copying: context.writer.bytes)
        context.writer.removeAll()
    }

    /// Sends what was written and what is queued, as far as the kernel takes it.
    mutating func flush(_ context: ServerContext) -> Flush {
        guard !state.isClosed else {
            context.writer.removeAll()
            return .done
        }
        if context.writer.count > 0 {
            if output.isEmpty, sendWritten(context) { return .done }
            stash(context)
        }
        var sent = 0
        while !output.isEmpty {
            if sent >= Self.maxBytesInARow { return .pause }
            do throws(SystemError) {
                guard case .done(let count) = try offerOutput() else {
                    // What is tried in vain does not renew the time.
                    if !isBlocked { state.awaitWritable(now: context.loop.now) }
                    isBlocked = true
                    return .blocked
                }
                output.consume(count)
                sent += count
                if isBlocked { state.awaitWritable(now: context.loop.now) }
            } catch {
                return .failed
            }
        }
        guard isBlocked else { return .done }
        isBlocked = false
        state.endWritableWait()
        return .unblocked
    }

    /// Offers the writer's bytes to the kernel, behind nothing queued; false when some are left, in writer or queue.
    private mutating func sendWritten(_ context: ServerContext) -> Bool {
        let bytes = context.writer.bytes
        guard case .done(let count)? = try? SocketCalls.write(descriptor, bytes) else { return false }
        output.appended += count
        guard count < bytes.count else {
            context.writer.removeAll()
            return true
        }
        output.append(copying: UnsafeRawBufferPointer(rebasing: bytes[count...]))
        context.writer.removeAll()
        return false
    }

    private func offerOutput() throws(SystemError) -> NonBlocking<Int> {
        let whole = try output.offerWhole { bytes throws(SystemError) in
            try SocketCalls.write(descriptor, bytes)
        }
        if let whole { return whole }
        return try output.offer { buffers throws(SystemError) in try SocketCalls.write(descriptor, buffers) }
    }
}
