/// Which hosts are known, which are being looked up, and who waits for them. Pure: ``HostResolver`` acts.
struct HostResolverState<Answer> {
    private struct Entry {
        var answer: Answer
        var expiry: ContinuousClock.Instant
    }

    private let maxEntries: Int
    private var entries: [URLHost: Entry] = [:]
    /// By host that is being looked up: who waits for it, in the order in which they came; perhaps nobody any more.
    private var waiting: [URLHost: [UInt64]] = [:]
    private var wanted: [UInt64: URLHost] = [:]

    init(maxEntries: Int) { self.maxEntries = maxEntries }

    var count: Int { entries.count }

    /// What is known of a host, unless it is too old.
    func answer(for host: URLHost, at now: ContinuousClock.Instant) -> Answer? {
        guard let entry = entries[host], entry.expiry > now else { return nil }
        return entry.answer
    }

    /// True where nobody has asked yet: look it up.
    mutating func join(_ ticket: UInt64, for host: URLHost) -> Bool {
        wanted[ticket] = host
        let isFirst = waiting[host] == nil
        waiting[host, default: []].append(ticket)
        return isFirst
    }

    /// Waits no longer. The host, where nobody else waits for it either.
    mutating func leave(_ ticket: UInt64) -> URLHost? {
        guard let host = wanted.removeValue(forKey: ticket) else { return nil }
        waiting[host]?.removeAll { $0 == ticket }
        return waiting[host]?.isEmpty == true ? host : nil
    }

    /// The look-up of a host that nobody waits for was taken back.
    mutating func forget(_ host: URLHost) {
        waiting[host] = nil
    }

    /// Keeps an answer; returns who waited for it.
    mutating func settle(
        _ host: URLHost, _ answer: Answer, until expiry: ContinuousClock.Instant,
        at now: ContinuousClock.Instant
    ) -> [UInt64] {
        if entries[host] == nil && entries.count >= maxEntries { makeRoom(at: now) }
        entries[host] = Entry(answer: answer, expiry: expiry)
        let tickets = waiting.removeValue(forKey: host) ?? []
        for ticket in tickets { wanted[ticket] = nil }
        return tickets
    }

    /// What is too old goes; where that is nothing, what would be first.
    private mutating func makeRoom(at now: ContinuousClock.Instant) {
        let former = entries.count
        entries = entries.filter { $0.value.expiry > now }
        guard entries.count == former else { return }
        if let oldest = entries.min(by: { $0.value.expiry < $1.value.expiry }) { entries[oldest.key] = nil }
    }
}
