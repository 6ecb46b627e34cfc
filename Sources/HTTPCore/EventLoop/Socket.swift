import Glibc

/// A connected TCP socket on an event loop, with suspending reads and writes.
///
/// One reader and one writer at a time, which may be two tasks. ``close()`` it; dropping it leaks its descriptor.
public actor Socket {
    /// The loop it is read and written on.
    public nonisolated var unownedExecutor: UnownedSerialExecutor { loop.asUnownedSerialExecutor() }
    private let loop: EventLoop
    private let descriptor: Int32
    private var isOpen = true
    private var registration: Registration?
    private var reader: Waiter?
    private var writer: Waiter?

    init(loop: EventLoop, descriptor: Int32) {
        self.loop = loop
        self.descriptor = descriptor
    }

    /// Connects to the first address of `host` that accepts.
    public static func connect(loop: EventLoop, host: String, port: Int) async throws -> Socket {
        var failure = SystemError(call: "getaddrinfo", errno: EADDRNOTAVAIL)
        for address in try SocketAddress.resolve(host, port: port, passive: false) {
            do {
                let descriptor = try SocketCalls.connect(address)
                do {
                    try await loop.wait(for: descriptor, .writable)
                    if let failure = SocketCalls.connectFailure(descriptor) { throw failure }
                } catch {
                    Glibc.close(descriptor)
                    throw error
                }
                return Socket(loop: loop, descriptor: descriptor)
            } catch let error as SystemError {
                failure = error
            }
        }
        throw failure
    }

    /// What the peer sent, 1…`maxBytes` bytes; `nil` once it has ended its side.
    public func read(upTo maxBytes: Int = 65536) async throws -> [UInt8]? {
        while true {
            try Task.checkCancellation()
            guard isOpen else { throw SystemError(call: "recv", errno: EBADF) }
            var bytes = [UInt8](repeating: 0, count: maxBytes)
            if case .done(let count) = try bytes.withUnsafeMutableBytes({
                try SocketCalls.read(descriptor, into: $0)
            }) {
                bytes.removeLast(maxBytes - count)
                return count == 0 ? nil : bytes
            }
            try await loop.suspend { _, waiter in
                try self.assumeIsolated { try $0.waitToRead(waiter) }
            }
        }
    }

    /// Returns once the kernel has taken all of `bytes`; suspends while the peer reads slower than that.
    public func write(_ bytes: [UInt8]) async throws {
        var offset = 0
        while offset < bytes.count {
            try Task.checkCancellation()
            guard isOpen else { throw SystemError(call: "send", errno: EBADF) }
            let outcome = try bytes.withUnsafeBytes { buffer in
                try SocketCalls.write(descriptor, UnsafeRawBufferPointer(rebasing: buffer[offset...]))
            }
            switch outcome {
            case .done(let count): offset += count
            case .wouldBlock:
                try await loop.suspend { _, waiter in
                    try self.assumeIsolated { try $0.waitToWrite(waiter) }
                }
            }
        }
    }

    /// Ends this side (FIN); the peer may go on sending.
    public func finishWriting() {
        if isOpen { SocketCalls.shutdownWriting(descriptor) }
    }

    /// Ends both sides and whatever waits. Twice is fine.
    public func close() {
        guard isOpen else { return }
        isOpen = false
        registration?.cancel()
        Glibc.close(descriptor)
        ready([.readable, .writable])
    }

    private func waitToRead(_ waiter: Waiter) throws {
        reader?.finish(.failure(SystemError(call: "recv", errno: EBUSY)))
        reader = waiter
        try updateInterest()
    }

    private func waitToWrite(_ waiter: Waiter) throws {
        writer?.finish(.failure(SystemError(call: "send", errno: EBUSY)))
        writer = waiter
        try updateInterest()
    }

    private func ready(_ readiness: Readiness) {
        if readiness.contains(.readable) {
            reader?.finish(.success(()))
            reader = nil
        }
        if readiness.contains(.writable) {
            writer?.finish(.success(()))
            writer = nil
        }
        if isOpen { try? updateInterest() }
    }

    /// Level-triggered, and only while somebody waits: a broken socket nobody waits for would wake the loop for ever.
    private func updateInterest() throws {
        guard isOpen else { throw SystemError(call: "epoll_ctl", errno: EBADF) }
        var interest: Readiness = []
        if reader != nil { interest.insert(.readable) }
        if writer != nil { interest.insert(.writable) }
        if interest.isEmpty {
            registration?.cancel()
            registration = nil
        } else if let registration {
            try registration.update(interest)
        } else {
            registration = try loop.register(descriptor, interest) { [weak self] readiness in
                self?.assumeIsolated { $0.ready(readiness) }
            }
        }
    }
}
