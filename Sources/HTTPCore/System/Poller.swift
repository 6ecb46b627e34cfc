import CLinux
import Glibc

/// What a descriptor is ready for, or what its owner waits for.
public struct Readiness: OptionSet, Sendable, Hashable {
    /// The set as bits.
    public let rawValue: UInt32
    /// A set from its bits.
    public init(rawValue: UInt32) { self.rawValue = rawValue }

    /// There is something to read, or the peer has ended.
    public static let readable = Readiness(rawValue: 1)
    /// There is room to write.
    public static let writable = Readiness(rawValue: 2)
    /// The peer closed, or the descriptor failed: reading or writing tells which.
    public static let closed = Readiness(rawValue: 4)
    /// Both directions are over, or the peer reset: nothing can be read or written any more.
    public static let failed = Readiness(rawValue: 16)
    /// Edge-triggered interest: told once a change, so read or write until it would block.
    public static let edge = Readiness(rawValue: 8)
}

/// One epoll instance and the eventfd that wakes it. All but ``wake()`` belongs to one thread.
final class Poller {
    struct Event {
        var token: UInt64
        var readiness: Readiness
    }

    /// Marks the eventfd among the tokens; real tokens carry a descriptor in their low half.
    static let wakeToken = UInt64.max
    /// Events taken from the kernel in one call: bounds the time until timers and jobs run again.
    static let maxEvents = 256

    private let epoll: Int32
    private let waker: Int32
    private let buffer: UnsafeMutablePointer<epoll_event>

    init() throws(SystemError) {
        epoll = try systemCall("epoll_create1") { epoll_create1(Int32(EPOLL_CLOEXEC)) }
        do throws(SystemError) {
            waker = try systemCall("eventfd") { eventfd(0, Int32(EFD_CLOEXEC) | Int32(EFD_NONBLOCK)) }
        } catch {
            close(epoll)
            throw error
        }
        buffer = .allocate(capacity: Self.maxEvents)
        try control(EPOLL_CTL_ADD, waker, Readiness.readable, Self.wakeToken)
    }

    deinit {
        close(epoll)
        close(waker)
        buffer.deallocate()
    }

    func add(_ descriptor: Int32, _ interest: Readiness, token: UInt64) throws(SystemError) {
        try control(EPOLL_CTL_ADD, descriptor, interest, token)
    }

    func modify(_ descriptor: Int32, _ interest: Readiness, token: UInt64) throws(SystemError) {
        try control(EPOLL_CTL_MOD, descriptor, interest, token)
    }

    /// Forgetting a descriptor that is closed already is no error: libpq and libcurl close theirs unannounced.
    func remove(_ descriptor: Int32) {
        epoll_ctl(epoll, EPOLL_CTL_DEL, descriptor, nil)
    }

    /// The descriptor another thread writes to through ``wake(_:)``.
    var wakeDescriptor: Int32 { waker }

    static func wake(_ descriptor: Int32) {
        eventfd_write(descriptor, 1)
    }

    /// Waits at most `timeoutMilliseconds` (−1: for ever) and hands each event to `body`.
    func wait(timeoutMilliseconds: Int32, _ body: (Event) -> Void) {
        let count = epoll_wait(epoll, buffer, Int32(Self.maxEvents), timeoutMilliseconds)
        guard count > 0 else { return }
        for index in 0..<Int(count) {
            let event = buffer[index]
            if event.data.u64 == Self.wakeToken {
                var value: eventfd_t = 0
                eventfd_read(waker, &value)
            } else {
                body(Event(token: event.data.u64, readiness: Self.readiness(event.events)))
            }
        }
    }

    private func control(
        _ operation: Int32, _ descriptor: Int32, _ interest: Readiness, _ token: UInt64
    ) throws(SystemError) {
        var event = epoll_event()
        event.events = Self.mask(interest)
        event.data.u64 = token
        try systemCall("epoll_ctl") { epoll_ctl(epoll, operation, descriptor, &event) }
    }

    private static func mask(_ interest: Readiness) -> UInt32 {
        var mask: UInt32 = 0
        if interest.contains(.readable) { mask |= EPOLLIN.rawValue | EPOLLRDHUP.rawValue }
        if interest.contains(.writable) { mask |= EPOLLOUT.rawValue }
        if interest.contains(.edge) { mask |= EPOLLET.rawValue }
        return mask
    }

    private static func readiness(_ mask: UInt32) -> Readiness {
        var readiness: Readiness = []
        let broken = EPOLLHUP.rawValue | EPOLLERR.rawValue
        if mask & (EPOLLIN.rawValue | EPOLLRDHUP.rawValue | broken) != 0 { readiness.insert(.readable) }
        if mask & (EPOLLOUT.rawValue | broken) != 0 { readiness.insert(.writable) }
        if mask & (broken | EPOLLRDHUP.rawValue) != 0 { readiness.insert(.closed) }
        if mask & broken != 0 { readiness.insert(.failed) }
        return readiness
    }
}
