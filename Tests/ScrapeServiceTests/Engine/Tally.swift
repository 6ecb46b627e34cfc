import Synchronization

/// What many tasks did, seen from outside.
final class Tally: Sendable {
    private struct State {
        var order: [Int] = []
        var inside = 0
        var most = 0
    }

    private let state = Mutex(State())

    var order: [Int] { state.withLock(\.order) }
    /// The most that were inside at once.
    var most: Int { state.withLock(\.most) }
    var count: Int { state.withLock(\.order.count) }

    func note(_ number: Int) { state.withLock { $0.order.append(number) } }

    func enter() {
        state.withLock { state in
            state.inside += 1
            state.most = max(state.most, state.inside)
        }
    }

    func leave() { state.withLock { $0.inside -= 1 } }
}
