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

    @Test func aSmallJobDoesNotWaitForAllOfALargeOne() async {
        let pool = WorkerPool(threads: 1)
        defer { pool.stop() }
        let tally = Tally()
        let gate = DispatchSemaphore(value: 0)
        async let blocked: Void = pool.run(for: 1) {
            tally.enter()
            gate.wait()
        }
        while tally.most == 0 { await Task.yield() }
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<100 { group.addTask { await pool.run(for: 1) { tally.note(1) } } }
            while pool.waiting < 100 { await Task.yield() }
            for _ in 0..<3 { group.addTask { await pool.run(for: 2) { tally.note(2) } } }
            while pool.waiting < 103 { await Task.yield() }
            gate.signal()
        }
        await blocked
        #expect(tally.order.prefix(6).filter { $0 == 2 }.count == 3)
    }

    @Test func quickWorkDoesNotWaitInTurnWithSlowWork() async {
        let pool = WorkerPool(threads: 1)
        defer { pool.stop() }
        let tally = Tally()
        let gate = DispatchSemaphore(value: 0)
        async let blocked: Void = pool.run(for: 3) {
            tally.enter()
            gate.wait()
        }
        while tally.most == 0 { await Task.yield() }
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<5 {
                group.addTask {
                    await pool.run(for: 1) {
                        Thread.sleep(forTimeInterval: 0.1)
                        tally.note(1)
                    }
                }
            }
            while pool.waiting < 5 { await Task.yield() }
            for _ in 0..<50 { group.addTask { await pool.run(for: 2) { tally.note(2) } } }
            while pool.waiting < 55 { await Task.yield() }
            gate.signal()
        }
        await blocked
        #expect(tally.order.prefix(51).filter { $0 == 2 }.count == 50)
    }

    // MARK: Cancelling

    @Test func workOfCancelledTasksLeavesTheLineAtOnce() async {
        let pool = WorkerPool(threads: 1)
        defer { pool.stop() }
        let tally = Tally()
        let gate = DispatchSemaphore(value: 0)
        async let blocked: Void = pool.run(for: 1) {
            tally.enter()
            gate.wait()
        }
        while tally.most == 0 { await Task.yield() }
        async let other: Void = pool.run(for: 2) { tally.note(2) }
        await withTaskGroup(of: Bool.self) { group in
            for _ in 0..<100 {
                group.addTask {
                    do {
                        try await pool.runUnlessCancelled(for: 1) { tally.note(1) }
                        return false
                    } catch {
                        return error is CancellationError
                    }
                }
            }
            while pool.waiting < 101 { await Task.yield() }
            group.cancelAll()
            // The only worker is busy still.
            for await wasCancelled in group { #expect(wasCancelled) }
        }
        #expect(pool.waiting == 1)
        gate.signal()
        _ = await (blocked, other)
        #expect(tally.order == [2])
        #expect(await pool.run(for: 1) { 42 } == 42)
    }

    @Test func workThatHasBegunRunsToItsEnd() async throws {
        let pool = WorkerPool(threads: 1)
        defer { pool.stop() }
        let tally = Tally()
        let gate = DispatchSemaphore(value: 0)
        let task = Task {
            try await pool.runUnlessCancelled {
                tally.enter()
                gate.wait()
                return 42
            }
        }
        while tally.most == 0 { await Task.yield() }
        task.cancel()
        gate.signal()
        #expect(try await task.value == 42)
    }

    @Test func aTaskThatIsCancelledAlreadyRunsNothing() async {
        let pool = WorkerPool(threads: 1)
        defer { pool.stop() }
        let tally = Tally()
        let task = Task {
            while !Task.isCancelled { await Task.yield() }
            try await pool.runUnlessCancelled { tally.note(1) }
        }
        task.cancel()
        await #expect(throws: CancellationError.self) { try await task.value }
        #expect(tally.count == 0)
    }

    @Test(arguments: 0..<20) func everyTaskIsToldOnceWhetherItsWorkWasDone(_ round: Int) async {
        let pool = WorkerPool(threads: 3)
        defer { pool.stop() }
        let tally = Tally()
        let done = await withTaskGroup(of: Bool.self) { group in
            for number in 0..<500 {
                group.addTask {
                    (try? await pool.runUnlessCancelled(for: number % 3) { tally.note(number) }) != nil
                }
            }
            while tally.count < round * 25 { await Task.yield() }
            group.cancelAll()
            return await group.reduce(0) { $0 + ($1 ? 1 : 0) }
        }
        #expect(tally.count == done && Set(tally.order).count == done)
        #expect(pool.waiting == 0)
    }
}
