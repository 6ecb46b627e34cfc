/// One descriptor's place in a loop's epoll: its interest and the callback it is told through.
///
/// Belongs to the loop's thread. ``cancel()`` it before the descriptor is closed or handed back to its owner.
public final class Registration {
    /// The descriptor that is watched; its owner closes it.
    public let descriptor: Int32
    /// Descriptor in the low half, a number never used before in the high half: a stale event finds nobody.
    let token: UInt64
    var handler: (Readiness) -> Void
    /// Told when another registration of the same descriptor takes this one's place.
    var whenReplaced: (() -> Void)?
    private unowned let loop: EventLoop

    init(descriptor: Int32, token: UInt64, loop: EventLoop, handler: @escaping (Readiness) -> Void) {
        self.descriptor = descriptor
        self.token = token
        self.loop = loop
        self.handler = handler
    }

    /// Replaces the interest. With an empty one only a broken descriptor is still told.
    public func update(_ interest: Readiness) throws(SystemError) {
        try loop.poller.modify(descriptor, interest, token: token)
    }

    /// Takes the descriptor out of epoll and drops the callback. Repeating it does nothing.
    public func cancel() {
        loop.remove(self)
        handler = { _ in }
        whenReplaced = nil
    }
}

extension EventLoop {
    /// Calls `handler` on this loop's thread whenever `descriptor` is ready for `interest`. Loop's thread only.
    ///
    /// A descriptor has one registration at a time: registering it again replaces the former one, which is what
    /// libraries that swap the socket under the same number need (libpq while connecting, libcurl after a close).
    public func register(
        _ descriptor: Int32, _ interest: Readiness, handler: @escaping (Readiness) -> Void
    ) throws(SystemError) -> Registration {
        checkIsolated()
        let slot = Int(descriptor)
        while registrations.count <= slot { registrations.append(nil) }
        if let former = registrations[slot] {
            let whenReplaced = former.whenReplaced
            former.cancel()
            whenReplaced?()
        }
        generation &+= 1
        // The all-ones token is the eventfd's.
        if generation == .max { generation = 1 }
        let token = UInt64(generation) << 32 | UInt64(UInt32(bitPattern: descriptor))
        try poller.add(descriptor, interest, token: token)
        let registration = Registration(descriptor: descriptor, token: token, loop: self, handler: handler)
        registrations[slot] = registration
        return registration
    }

    func remove(_ registration: Registration) {
        let slot = Int(registration.descriptor)
        guard slot < registrations.count, registrations[slot] === registration else { return }
        registrations[slot] = nil
        poller.remove(registration.descriptor)
    }
}
