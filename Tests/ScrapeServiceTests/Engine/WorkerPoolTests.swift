import Foundation
import Synchronization
import Testing

@testable import ScrapeService

@Suite struct WorkerPoolTests {
    @Test func workComesBackFromAnotherThread() async {
        let pool = WorkerPool(threads: 2)
        defer { pool.stop() }
        let name = await pool.run { Thread.current.name ?? "" }
        #expect(name.hasPrefix("worker-"))
    }

    @Test func everyPieceOfWorkIsDoneOnce() async {
        let pool = WorkerPool(threads: 3)
        let done = Atomic<Int>(0)
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<1_000 {
                group.addTask { await pool.run { _ = done.add(1, ordering: .relaxed) } }
            }
        }
        pool.stop()
        pool.stop()
        #expect(done.load(ordering: .relaxed) == 1_000)
    }

    @Test func workSubmittedAfterStopIsStillDone() async {
        let pool = WorkerPool(threads: 1)
        pool.stop()
        #expect(await pool.run { 42 } == 42)
    }
}
