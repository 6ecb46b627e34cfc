import CLinux
import Glibc

/// Bytes on their way to a socket: small ones copied together, large ones kept as they are.
struct OutputQueue {
    /// From this size on an array is queued by reference: copying less is cheaper than another buffer in the call.
    static let minReferencedBytes = 16 << 10
    /// Sent bytes at the front of a queue that does not drain are dropped from this size on.
    private static let minTrimmedBytes = 64 << 10
    /// Capacity kept between two answers, so that an idle connection costs little. In bytes.
    private static let maxKeptBytes = 4096
    /// Buffers handed to the kernel in one call.
    private static let maxBuffers = 8

    private var segments: [[UInt8]] = []
    /// The last segment, still growing.
    private var tail: [UInt8] = []
    /// Bytes of the first segment (or of the tail) that are sent already.
    private var sent = 0
    private(set) var count = 0
    /// All bytes that were ever queued, or sent without being queued.
    var appended = 0

    var isEmpty: Bool { count == 0 }

    /// Copies `bytes`.
    mutating func append(copying bytes: UnsafeRawBufferPointer) {
        tail.append(contentsOf: bytes)
        count += bytes.count
        appended += bytes.count
    }

    mutating func append(_ bytes: [UInt8]) {
        count += bytes.count
        appended += bytes.count
        if bytes.count < Self.minReferencedBytes {
            tail.append(contentsOf: bytes)
        } else {
            if !tail.isEmpty { segments.append(tail) }
            segments.append(bytes)
            tail = []
        }
    }

    /// Drops what the kernel has taken.
    mutating func consume(_ taken: Int) {
        count -= taken
        if count == 0 {
            segments.removeAll()
            tail.removeAll(keepingCapacity: tail.capacity <= Self.maxKeptBytes)
            sent = 0
            return
        }
        sent += taken
        var finished = 0
        while finished < segments.count, sent >= segments[finished].count {
            sent -= segments[finished].count
            finished += 1
        }
        segments.removeFirst(finished)
        // A client that never catches up must not keep what it has had.
        if segments.isEmpty, sent > Self.minTrimmedBytes {
            tail.removeFirst(sent)
            sent = 0
        }
    }

    /// The bytes, where they lie in one piece: the usual case, and the cheaper call.
    func offerWhole(
        _ send: (UnsafeRawBufferPointer) throws(SystemError) -> NonBlocking<Int>
    ) throws(SystemError) -> NonBlocking<Int>? {
        guard segments.isEmpty else { return nil }
        let result: Result<NonBlocking<Int>, SystemError> = tail.withUnsafeBytes { bytes in
            Result { () throws(SystemError) in try send(UnsafeRawBufferPointer(rebasing: bytes[sent...])) }
        }
        return try result.get()
    }

    /// Offers the first bytes to `send`, which tells how many were taken.
    func offer(
        _ send: (UnsafeMutableBufferPointer<iovec>) throws(SystemError) -> NonBlocking<Int>
    ) throws(SystemError) -> NonBlocking<Int> {
        let result: Result<NonBlocking<Int>, SystemError> =
            withUnsafeTemporaryAllocation(of: iovec.self, capacity: Self.maxBuffers) { buffers in
                Result { () throws(SystemError) in try gather(0, into: buffers, send) }
            }
        return try result.get()
    }

    /// Pins one array after the other, then sends.
    private func gather(
        _ index: Int, into buffers: UnsafeMutableBufferPointer<iovec>,
        _ send: (UnsafeMutableBufferPointer<iovec>) throws(SystemError) -> NonBlocking<Int>
    ) throws(SystemError) -> NonBlocking<Int> {
        guard index <= segments.count, index < buffers.count else {
            return try send(UnsafeMutableBufferPointer(rebasing: buffers[..<index]))
        }
        let bytes = index < segments.count ? segments[index] : tail
        let skipped = index == 0 ? sent : 0
        let result: Result<NonBlocking<Int>, SystemError> = bytes.withUnsafeBytes { pointer in
            // sendmsg(2) only reads from its buffers.
            buffers[index].iov_base = UnsafeMutableRawPointer(
                mutating: pointer.baseAddress.map { $0 + skipped })
            buffers[index].iov_len = pointer.count - skipped
            return Result { () throws(SystemError) in try gather(index + 1, into: buffers, send) }
        }
        return try result.get()
    }
}
