/// A body on its way from libcurl's callback to whoever takes it: a bounded stretch of it. All of it belongs to the
/// loop's thread.
final class CurlBodyStream {
    enum Event {
        /// `mustResume`: the transfer was paused, and there is room again.
        case bytes([UInt8], mustResume: Bool)
        /// The transfer is over, and all that came before was taken.
        case end(Result<CurlAnswer, CurlFailure>)
    }

    /// What waits to be taken. 256 KiB: a stretch fills while the one before is on its way to a disk.
    static let maxBytes = 256 << 10
    /// Fewer bytes wake nobody, unless they are the last. 64 KiB: four reads of libcurl's share a wake-up.
    private static let wakingBytes = 64 << 10

    /// The answer's head, once its transfer is over, well or not; before that, `CurlMulti` knows it.
    var head: CurlAnswer?
    private var isPaused = false
    private var bytes: [UInt8] = []
    private var outcome: Result<CurlAnswer, CurlFailure>?
    private var waiter: CheckedContinuation<Void, Never>?

    /// False where there is no room: the transfer is to be paused.
    func take(_ new: UnsafeRawBufferPointer) -> Bool {
        guard bytes.isEmpty || bytes.count + new.count <= Self.maxBytes else {
            isPaused = true
            wake()
            return false
        }
        bytes.append(contentsOf: new)
        if bytes.count >= Self.wakingBytes { wake() }
        return true
    }

    func end(_ outcome: Result<CurlAnswer, CurlFailure>) {
        self.outcome = outcome
        if case .failure(let failure) = outcome, failure.cause == .cancelled { bytes = [] }
        wake()
    }

    /// What has come; suspends while that is too little.
    func next() async -> Event {
        while true {
            if bytes.count >= Self.wakingBytes || isPaused || outcome != nil && !bytes.isEmpty {
                defer { isPaused = false }
                let taken = bytes
                bytes = []
                bytes.reserveCapacity(outcome == nil ? Self.maxBytes : 0)
                return .bytes(taken, mustResume: isPaused)
            }
            if let outcome { return .end(outcome) }
            await withCheckedContinuation { waiter = $0 }
        }
    }

    private func wake() {
        // The task runs later, on its own turn: never from within libcurl's callback.
        waiter?.resume()
        waiter = nil
    }
}
