import HTTPCore
import Synchronization

/// What a server told its observer.
final class CountingObserver: ServerObserver {
    struct Counts {
        var opened = 0
        var closed = 0
        var summaries: [RequestSummary] = []
    }

    private let counts = Mutex(Counts())
    var all: Counts { counts.withLock { $0 } }

    func connectionOpened() { counts.withLock { $0.opened += 1 } }
    func connectionClosed() { counts.withLock { $0.closed += 1 } }
    func requestEnded(_ summary: RequestSummary) { counts.withLock { $0.summaries.append(summary) } }
    func refused(_ cause: RefusalCause) {}
}
