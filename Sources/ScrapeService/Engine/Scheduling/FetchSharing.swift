/// What is to be asked of the store, and what it has answered: the part of the scheduler that knows of other replicas.
extension FetchSchedulerState {
    struct Sharing {
        /// A longer origin is no host that a resolver knows, and no key of the store: it is this process's own matter.
        static let maxOriginBytes = 300

        let isOn: Bool
        /// Beyond it, what the store has given may be others' by now.
        var trustedUntil: Moment
        /// Hosts to ask for at once.
        private(set) var unasked: Set<String> = []
        /// Hosts that asked to be left alone, untold.
        private(set) var untold: [String: Moment] = [:]
        /// Hosts given up, untold.
        private var given: Set<String> = []

        init(isOn: Bool) {
            self.isOn = isOn
            trustedUntil = isOn ? .distantPast : .distantFuture
        }

        var isUrgent: Bool { !unasked.isEmpty || !untold.isEmpty }

        mutating func ask(_ origin: String) { if isOn { unasked.insert(origin) } }

        mutating func tell(_ origin: String, until time: Moment) {
            if isOn { untold[origin] = max(time, untold[origin] ?? time) }
        }

        /// What a host begins with; nil: it is not shared.
        mutating func join(_ origin: String) -> HostShare? {
            guard isOn, origin.utf8.count <= Self.maxOriginBytes else { return nil }
            unasked.insert(origin)
            return HostShare()
        }

        fileprivate mutating func take(_ call: inout HostCall, at now: Moment) {
            call.holds = untold.map { HostHold(origin: $0, delay: max(.zero, $1 - now)) }
            call.left += given.subtracting(call.uses.map(\.origin))
            unasked = []
            untold = [:]
            given = []
        }

        fileprivate mutating func putBack(_ call: HostCall, at now: Moment) {
            given.formUnion(call.left)
            for hold in call.holds { tell(hold.origin, until: now + hold.delay) }
        }
    }

    /// There is something to call for once a second.
    var isSharing: Bool { sharing.isOn && (!hostIndex.isEmpty || sharing.isUrgent) }

    /// What to tell and ask the store now: of every host in use, or of those only that cannot wait. Until the answer
    /// this replica keeps to what it has told.
    mutating func makeCall(ofAll: Bool, at now: Moment) -> HostCall {
        var call = HostCall()
        for origin in ofAll ? Set(hostIndex.keys) : sharing.unasked {
            guard let host = hostIndex[origin], var share = hosts[host].share else { continue }
            if hosts[host].isIdle {
                guard ofAll else { continue }
                if share.wasIdle {
                    call.left.append(origin)
                    hosts[host].adopt(nil, at: now)
                    forgetOrWake(host, at: now)
                } else {
                    share.wasIdle = true
                    hosts[host].adopt(share, at: now)
                }
                continue
            }
            var wanted = hosts[host].active + hosts[host].waiting
            if sharing.unasked.contains(origin) { wanted = max(1, wanted) }
            if share.isContended { share.places = min(share.places, wanted) }
            share.wasIdle = false
            hosts[host].adopt(share, at: now)
            call.uses.append(
                HostUse(
                    origin: origin, limit: hosts[host].pace.limit,
                    delay: .nanoseconds(hosts[host].pace.delay), wanted: wanted,
                    held: max(hosts[host].active, share.places)))
        }
        sharing.take(&call, at: now)
        return call
    }

    /// The store has answered a call that was sent at `sent`. Its durations begin somewhere between then and now: what
    /// must not be early counts from now, what must not be late from then.
    mutating func answered(_ grants: [HostGrant], sent: Moment, at now: Moment) {
        for grant in grants {
            guard let host = hostIndex[grant.origin], var share = hosts[host].share else { continue }
            share.places = grant.places
            share.isContended = grant.isContended
            share.delay = grant.delay.wholeNanoseconds
            if let window = grant.window, sent + window.upperBound >= now + window.lowerBound {
                share.add(now + window.lowerBound...sent + window.upperBound, at: now)
            }
            hosts[host].adopt(share, at: now)
            if grant.heldFor > .zero { hosts[host].hold(until: now + grant.heldFor, at: now) }
            serveHost(host, at: now)
        }
    }

    /// The store did not answer, and may have heard or not: it is told and asked again.
    mutating func unanswered(_ call: HostCall, at now: Moment) {
        sharing.putBack(call, at: now)
        for use in call.uses {
            if let host = hostIndex[use.origin], hosts[host].share?.places == 0 { sharing.ask(use.origin) }
        }
    }

    /// This replica lives until `time` at least.
    mutating func trust(until time: Moment, at now: Moment) {
        let lapsed = now >= sharing.trustedUntil
        sharing.trustedUntil = time
        guard lapsed else { return }
        for host in hostIndex.values where !hosts[host].line.isEmpty { serveHost(host, at: now) }
    }

    /// This replica lives under another name now: nothing that the former one had is its own.
    mutating func renamed(at now: Moment) {
        sharing = Sharing(isOn: sharing.isOn)
        for (origin, host) in hostIndex where hosts[host].share != nil {
            hosts[host].adopt(sharing.join(origin), at: now)
        }
    }
}
