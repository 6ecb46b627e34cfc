import Foundation
import Testing

@testable import ScrapeService

@Suite struct WorkerPoolTests {
    @Test func workRunsOnThreadsThatGiveWayToTheLoops() async {
        let pool = WorkerPool(threads: 2)
        defer { pool.stop() }
        let niceness = await pool.run { getpriority(__priority_which_t(0), 0) }
        #expect(niceness > getpriority(__priority_which_t(0), 0))
    }

    @Test func everyPieceOfWorkIsDoneOnce() async {
        let pool = WorkerPool(threads: 3)
        let tally = Tally()
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<1_000 {
                group.addTask { await pool.run { tally.note(1) } }
            }
        }
        pool.stop()
        pool.stop()
        #expect(tally.count == 1_000)
    }

    @Test func workSubmittedAfterStopIsStillDone() async {
        let pool = WorkerPool(threads: 1)
        pool.stop()
        #expect(await pool.run { 42 } == 42)
    }
}
