/// Why it is slow.
extension FetchSchedulerState {
    /// The hosts that let pages of a job wait, most pages first.
    func waits(of seat: JobSeat, at now: Moment) -> [HostWait] {
        guard let job = jobIndex[seat.number] else { return [] }
        var waits: [HostWait] = []
        for (host, pair) in jobs[job].pairs where !pairs[pair].waiters.isEmpty {
            guard let (reason, until) = hosts[host].reason(at: now) else { continue }
            waits.append(
                HostWait(
                    origin: hosts[host].origin, reason: reason, waiting: pairs[pair].waiters.count,
                    seconds: until.map { (($0 - now) / .milliseconds(100)).rounded(.up) / 10 }))
        }
        waits.sort { ($1.waiting, $0.origin) < ($0.waiting, $1.origin) }
        return Array(waits.prefix(HostWait.maxListed))
    }
}
