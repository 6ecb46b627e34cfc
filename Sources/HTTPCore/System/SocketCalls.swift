import CLinux
import Glibc

/// The system calls of TCP sockets. All sockets are non-blocking and close on exec.
enum SocketCalls {
    /// A peer that is gone is an error, not a SIGPIPE.
    private static let noSignal = Int32(MSG_NOSIGNAL)
    private static let streamType = Int32(
        SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue)

    /// What the kernel queues beyond the client's window. 128 KiB: without a bound it takes megabytes for each client that
    /// does not read, and copying them keeps the others waiting; what is in flight to a fast one is not limited.
    private static let maxUnsentBytes: Int32 = 128 << 10

    /// A listening socket. Accepted sockets inherit its options (Linux, tcp(7)).
    static func listen(_ address: SocketAddress, backlog: Int) throws(SystemError) -> Int32 {
        let descriptor = try systemCall("socket") { socket(address.family, streamType, 0) }
        do throws(SystemError) {
            try set(descriptor, SOL_SOCKET, SO_REUSEADDR)
            try set(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY)
            try set(descriptor, Int32(IPPROTO_TCP), TCP_NOTSENT_LOWAT, maxUnsentBytes)
            try systemCall("bind") { address.withPointer { Glibc.bind(descriptor, $0, $1) } }
            try systemCall("listen") { Glibc.listen(descriptor, Int32(clamping: backlog)) }
        } catch {
            close(descriptor)
            throw error
        }
        return descriptor
    }

    /// A socket that is connecting: writable once it is connected or has failed, see ``connectFailure(_:)``.
    static func connect(_ address: SocketAddress) throws(SystemError) -> Int32 {
        let descriptor = try systemCall("socket") { socket(address.family, streamType, 0) }
        let result = address.withPointer { Glibc.connect(descriptor, $0, $1) }
        let code = errno
        if result < 0, code != EINPROGRESS, code != EINTR {
            close(descriptor)
            throw SystemError(call: "connect", errno: code)
        }
        try? set(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY)
        return descriptor
    }

    /// What came of a connect; `nil` is success.
    static func connectFailure(_ descriptor: Int32) -> SystemError? {
        var code: Int32 = 0
        var length = socklen_t(MemoryLayout<Int32>.size)
        getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &code, &length)
        return code == 0 ? nil : SystemError(call: "connect", errno: code)
    }

    /// The next connection; the peer may have left it already (`ECONNABORTED`).
    static func accept(
        _ descriptor: Int32
    ) throws(SystemError) -> NonBlocking<(descriptor: Int32, peer: SocketAddress)> {
        var result = NonBlocking<Int>.wouldBlock
        var failure: SystemError?
        let peer = SocketAddress.filled { address, length in
            do throws(SystemError) {
                result = try nonBlockingCall("accept4") {
                    Int(
                        accept4(
                            descriptor, address, length,
                            Int32(SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue)))
                }
            } catch {
                failure = error
            }
        }
        if let failure { throw failure }
        switch result {
        case .wouldBlock: return .wouldBlock
        case .done(let accepted): return .done((Int32(accepted), peer))
        }
    }

    static func localPort(_ descriptor: Int32) -> Int {
        SocketAddress.filled { address, length in _ = getsockname(descriptor, address, length) }.port
    }

    /// Moves what is there into `buffer`; `.done(0)` is the peer's end.
    static func read(
        _ descriptor: Int32, into buffer: UnsafeMutableRawBufferPointer
    ) throws(SystemError) -> NonBlocking<Int> {
        try nonBlockingCall("recv") { recv(descriptor, buffer.baseAddress, buffer.count, 0) }
    }

    static func write(
        _ descriptor: Int32, _ bytes: UnsafeRawBufferPointer
    ) throws(SystemError) -> NonBlocking<Int> {
        try nonBlockingCall("send") {
            send(descriptor, bytes.baseAddress, bytes.count, noSignal)
        }
    }

    /// Several buffers in one call.
    static func write(
        _ descriptor: Int32, _ buffers: UnsafeMutableBufferPointer<iovec>
    ) throws(SystemError) -> NonBlocking<Int> {
        var message = msghdr()
        message.msg_iov = buffers.baseAddress
        message.msg_iovlen = buffers.count
        return try nonBlockingCall("sendmsg") { sendmsg(descriptor, &message, noSignal) }
    }

    /// Sends FIN; reading goes on.
    static func shutdownWriting(_ descriptor: Int32) {
        _ = shutdown(descriptor, Int32(SHUT_WR))
    }

    /// Closes so that the peer sees a reset: an answer cut short must not look complete.
    static func reset(_ descriptor: Int32) {
        var option = linger(l_onoff: 1, l_linger: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &option, socklen_t(MemoryLayout<linger>.size))
        close(descriptor)
    }

    private static func set(
        _ descriptor: Int32, _ level: Int32, _ name: Int32, _ value: Int32 = 1
    ) throws(SystemError) {
        var value = value
        try systemCall("setsockopt") {
            setsockopt(descriptor, level, name, &value, socklen_t(MemoryLayout<Int32>.size))
        }
    }
}
