import Glibc
public import HTTPTypes

/// A regular file, opened for reading; it is closed with its last reference, since an answer's body may never be asked
/// for (HEAD, 304).
///
/// Bytes in the page cache are read where they are asked for; others on a loop that may wait for the disk.
public final class File: ByteSource {
    /// In bytes, when it was opened.
    public let length: Int
    private let status: FileStatus
    private let descriptor: Int32
    private let blockingLoop: EventLoop

    /// Takes the descriptor over.
    init(_ descriptor: Int32, _ status: FileStatus, blockingLoop: EventLoop) {
        self.descriptor = descriptor
        self.status = status
        self.blockingLoop = blockingLoop
        length = status.length
    }

    deinit { FileCalls.close(descriptor) }

    /// The tag is made of length and time of change, which whoever sets times by hand can deceive.
    ///
    /// In the first two seconds after a change another one could go unseen: the kernel's clock has ticks of
    /// milliseconds, `Last-Modified` seconds. So long the tag is weak and there is no `Last-Modified`; later both are
    /// strong (RFC 9110, sections 8.8.1 and 8.8.2.2).
    public var validators: Validators {
        let opaque = [status.seconds, status.nanoseconds, length].map { String($0, radix: 16) }
        let isSettled = status.seconds + Self.settlingSeconds <= time(nil)
        return Validators(
            entityTag: EntityTag(opaque.joined(separator: "-"), isWeak: !isSettled),
            lastModified: isSettled ? status.seconds : nil)
    }

    private static let settlingSeconds = 2

    /// The file as an answer's content.
    public func representation(headers: HTTPFields = [:]) -> Representation {
        Representation(self, validators: validators, headers: headers)
    }

    /// Throws `SystemError` where the disk fails; a file that shrank has no bytes there.
    public func read(at offset: Int, maxBytes: Int) async throws -> [UInt8] {
        var cached = NonBlocking<Int>.wouldBlock
        let bytes = try [UInt8](unsafeUninitializedCapacity: maxBytes) { buffer, count in
            cached = try FileCalls.readCached(
                descriptor, at: offset, into: UnsafeMutableRawBufferPointer(buffer))
            if case .done(let read) = cached { count = read }
        }
        if case .done = cached { return bytes }
        return try await blockingLoop.run { [descriptor] in
            try [UInt8](unsafeUninitializedCapacity: maxBytes) { buffer, count in
                count = try FileCalls.read(
                    descriptor, at: offset, into: UnsafeMutableRawBufferPointer(buffer))
            }
        }
    }
}

extension EventLoop {
    /// Runs `body` on the loop's thread.
    func run<Value: Sendable>(_ body: @escaping @Sendable () throws -> Value) async throws -> Value {
        try await withCheckedThrowingContinuation { continuation in
            execute { continuation.resume(with: Result(catching: body)) }
        }
    }
}
