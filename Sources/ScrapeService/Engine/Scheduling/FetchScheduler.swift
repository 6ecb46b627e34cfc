import HTTPCore
import Synchronization

/// Lets pages wait for their turn: acts on what ``FetchSchedulerState`` decides.
final class FetchScheduler: Sendable {
    typealias Turn = FetchSchedulerState.Turn
    private typealias Ticket = FetchSchedulerState.Ticket

    private struct State {
        var turns: FetchSchedulerState
        var suspended: [Ticket: Suspended] = [:]
        var lastSeat = 0
        /// When the loop comes back at the latest.
        var alarm: Moment?
        /// Whoever calls the store knows that it is urgent.
        var rang = false
    }

    private enum Suspended {
        case page(CheckedContinuation<Turn?, Never>)
        /// The turn, or the cancellation (nil), came before the page had suspended.
        case answered(Turn?)
    }

    private let loop: EventLoop
    private let state: Mutex<State>
    /// Notified when the store is to be asked at once.
    let urgent: Signal

    /// `sharesHosts`: hosts are shared with other replicas; nobody has a turn before ``answered(_:sent:)`` says so.
    init(loop: EventLoop, sharesHosts: Bool = false) {
        self.loop = loop
        urgent = Signal(loop: loop)
        state = Mutex(State(turns: FetchSchedulerState(sharesHosts: sharesHosts)))
    }

    /// Nobody waits, and nothing is to be remembered.
    var isIdle: Bool { state.withLock { $0.turns.isEmpty && $0.suspended.isEmpty } }

    /// For a run of a job: `permits` is how many of its pages may have a turn at once.
    func makeSeat(permits: Int, _ politeness: Politeness) -> JobSeat {
        state.withLock { state in
            state.lastSeat += 1
            return JobSeat(
                number: state.lastSeat, permits: permits,
                pace: JobSeat.Pace(limit: politeness.perHostConcurrency, interval: politeness.interval))
        }
    }

    /// One page each of these origins will enter soon: none of them takes more than its share because it comes first.
    func expect(_ seat: JobSeat, _ origins: [String]) { act { $0.turns.expect(seat, origins, at: $1) } }

    /// No page of `seat` will enter any more.
    func dismiss(_ seat: JobSeat) { act { $0.turns.dismiss(seat, at: $1) } }

    /// Suspends until a page of `seat` may be fetched from `origin`. Throws `CancellationError`, and then there is
    /// nothing to give back. `crawlDelay`: the time between two requests that the host
    /// asks for; nil: as far as it is known.
    func enter(_ seat: JobSeat, origin: String, crawlDelay: Duration? = nil) async throws -> Turn {
        let delay = crawlDelay?.wholeNanoseconds
        switch act({ $0.turns.enter(seat, origin: origin, crawlDelay: delay, at: $1) }) {
        case .passes(let turn): return turn
        case .waits(let ticket): return try await wait(ticket)
        }
    }

    /// The answer has arrived, or there is none: gives the place at the host back.
    func fetched(_ turn: Turn) { act { $0.turns.fetched(turn, at: $1) } }

    /// The page is read: gives the job's permit back.
    func leave(_ turn: Turn) { act { $0.turns.leave(turn, at: $1) } }

    /// Starts no fetch to `origin` before `delay` has passed, for any job; of several holds the longest counts.
    func hold(_ origin: String, for delay: Duration) {
        act { $0.turns.hold(origin, until: $1 + delay, at: $1) }
    }

    /// The hosts that let pages wait, most pages first.
    func waits(of seat: JobSeat) -> [HostWait] { state.withLock { $0.turns.waits(of: seat, at: .now) } }

    // MARK: Sharing hosts

    var isSharing: Bool { state.withLock(\.turns.isSharing) }

    func makeCall(ofAll: Bool) -> HostCall {
        act { state, now in
            state.rang = false
            return state.turns.makeCall(ofAll: ofAll, at: now)
        }
    }

    func answered(_ grants: [HostGrant], sent: Moment) {
        act { $0.turns.answered(grants, sent: sent, at: $1) }
    }

    func unanswered(_ call: HostCall) { act { $0.turns.unanswered(call, at: $1) } }

    func trust(until time: Moment) { act { $0.turns.trust(until: time, at: $1) } }

    func renamed() { act { $0.turns.renamed(at: $1) } }

    // MARK: Waiting

    private func wait(_ ticket: Ticket) async throws -> Turn {
        let turn = await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let answered = state.withLock { state in
                    if case .answered(let turn) = state.suspended.removeValue(forKey: ticket) {
                        return Optional(turn)
                    }
                    state.suspended[ticket] = .page(continuation)
                    return nil
                }
                if let answered { continuation.resume(returning: answered) }
            }
        } onCancel: {
            cancel(ticket)
        }
        guard let turn else { throw CancellationError() }
        if Task.isCancelled {
            fetched(turn)
            leave(turn)
            throw CancellationError()
        }
        return turn
    }

    private func cancel(_ ticket: Ticket) {
        let continuation = act { state, now in
            state.turns.cancel(ticket, at: now) ? Self.answer(ticket, nil, &state) : nil
        }
        continuation?.resume(returning: nil)
    }

    /// What is to be resumed with the answer; nil where the page finds it when it suspends.
    private static func answer(_ ticket: Ticket, _ turn: Turn?, _ state: inout State) -> CheckedContinuation<
        Turn?, Never
    >? {
        guard case .page(let continuation) = state.suspended.removeValue(forKey: ticket) else {
            state.suspended[ticket] = .answered(turn)
            return nil
        }
        return continuation
    }

    /// Changes the state, then resumes whoever has a turn now and sees to the next wake-up.
    private func act<Value>(_ body: (inout State, Moment) -> sending Value) -> Value {
        let now = Moment.now
        let (value, alarm, rings) = state.withLock { state in
            let value = body(&state, now)
            let rings = state.turns.sharing.isUrgent && !state.rang
            if rings { state.rang = true }
            return (value, Self.newAlarm(&state), rings)
        }
        if rings { urgent.notify() }
        while let (continuation, turn) = state.withLock({ Self.nextGranted(&$0) }) {
            continuation?.resume(returning: turn)
        }
        if let alarm { setAlarm(alarm) }
        return value
    }

    private static func nextGranted(_ state: inout State) -> (CheckedContinuation<Turn?, Never>?, Turn)? {
        guard let (ticket, turn) = state.turns.nextGranted() else { return nil }
        return (answer(ticket, turn, &state), turn)
    }

    // MARK: Time

    /// Nil where the loop comes back soon enough.
    private static func newAlarm(_ state: inout State) -> Moment? {
        guard let wake = state.turns.nextWake, state.alarm.map({ wake < $0 }) ?? true else { return nil }
        state.alarm = wake
        return wake
    }

    private func setAlarm(_ time: Moment) {
        loop.execute { [self] in
            loop.schedule(after: time - .now) { self.alarmRang(time) }
        }
    }

    private func alarmRang(_ time: Moment) {
        act { state, now in
            // An earlier one was set meanwhile: it sets the next.
            if state.alarm == time { state.alarm = nil }
            state.turns.advance(to: now)
        }
    }
}
