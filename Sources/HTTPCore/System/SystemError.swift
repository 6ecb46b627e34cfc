import Glibc

/// A system call that failed: its name and `errno` (intro(2)).
public struct SystemError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The function's name, such as `recv`.
    public let call: String
    /// What the function left in `errno`.
    public let errno: Int32

    /// An error of `call`.
    public init(call: String, errno: Int32) {
        self.call = call
        self.errno = errno
    }

    /// The call, the system's words for the error, and its number.
    public var description: String { "\(call): \(String(cString: strerror(errno))) (errno \(errno))" }
}

/// What a non-blocking call came to: a value, or "not now".
@usableFromInline
enum NonBlocking<Value> {
    case done(Value)
    case wouldBlock
}

/// Every system call goes through here: `EINTR` is retried, any other failure is an error that names the call.
@discardableResult
func systemCall(_ name: String, _ body: () -> Int32) throws(SystemError) -> Int32 {
    while true {
        let result = body()
        if result >= 0 { return result }
        let code = errno
        if code != EINTR { throw SystemError(call: name, errno: code) }
    }
}

/// The same for calls that move bytes on a non-blocking descriptor: "would block" is a value, not an error.
func nonBlockingCall(_ name: String, _ body: () -> Int) throws(SystemError) -> NonBlocking<Int> {
    while true {
        let result = body()
        if result >= 0 { return .done(result) }
        let code = errno
        if code == EAGAIN || code == EWOULDBLOCK { return .wouldBlock }
        if code != EINTR { throw SystemError(call: name, errno: code) }
    }
}
