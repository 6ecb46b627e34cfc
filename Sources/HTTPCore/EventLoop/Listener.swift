import Glibc

/// A listening TCP socket on an event loop.
public actor Listener {
    /// The loop it listens on.
    public nonisolated var unownedExecutor: UnownedSerialExecutor { loop.asUnownedSerialExecutor() }
    /// The port that was bound.
    public nonisolated let port: Int
    private let loop: EventLoop
    private let descriptor: Int32
    private var isOpen = true
    private var waiter: Waiter?
    private var registration: Registration?

    /// Binds `host`; port 0 lets the system choose.
    public init(loop: EventLoop, host: String, port: Int, backlog: Int = 511) throws {
        self.loop = loop
        guard let address = try SocketAddress.resolve(host, port: port, passive: true).first else {
            throw SystemError(call: "getaddrinfo", errno: EADDRNOTAVAIL)
        }
        descriptor = try SocketCalls.listen(address, backlog: backlog)
        self.port = SocketCalls.localPort(descriptor)
    }

    /// The next connection; throws when the task is cancelled or the listener closed. One caller at a time.
    public func accept() async throws -> Socket {
        while true {
            guard isOpen else { throw SystemError(call: "accept4", errno: EBADF) }
            if let accepted = try acceptNow() { return Socket(loop: loop, descriptor: accepted) }
            try await loop.suspend { _, waiter in
                try self.assumeIsolated { try $0.wait(waiter) }
            }
        }
    }

    private func acceptNow() throws(SystemError) -> Int32? {
        do throws(SystemError) {
            guard case .done(let accepted) = try SocketCalls.accept(descriptor) else { return nil }
            return accepted.descriptor
        } catch {
            guard error.errno == ECONNABORTED else { throw error }
            return nil
        }
    }

    private func wait(_ waiter: Waiter) throws(SystemError) {
        guard isOpen else { throw SystemError(call: "accept4", errno: EBADF) }
        self.waiter?.finish(.failure(SystemError(call: "accept4", errno: EBUSY)))
        self.waiter = waiter
        registration = try loop.register(descriptor, .readable) { [weak self] _ in
            self?.assumeIsolated { $0.wake() }
        }
    }

    private func wake() {
        registration?.cancel()
        registration = nil
        waiter?.finish(.success(()))
        waiter = nil
    }

    /// Ends a waiting ``accept()`` too. Twice is fine.
    public func close() {
        guard isOpen else { return }
        isOpen = false
        wake()
        Glibc.close(descriptor)
    }
}
