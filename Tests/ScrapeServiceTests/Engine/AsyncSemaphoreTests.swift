import Testing

@testable import ScrapeService

@Suite struct AsyncSemaphoreTests {
    /// Suspends until `condition` holds; each turn lets other tasks run.
    private func until(_ condition: () -> Bool) async {
        while !condition() { await Task.yield() }
    }

    @Test func permitsPassAsManyAsThereAre() async throws {
        let semaphore = AsyncSemaphore(permits: 2)
        try await semaphore.acquire()
        try await semaphore.acquire()
        #expect(semaphore.available == 0)
        semaphore.release()
        semaphore.release()
        #expect(semaphore.available == 2)
    }

    @Test func waitersPassInTheOrderTheyCame() async throws {
        let semaphore = AsyncSemaphore(permits: 1)
        try await semaphore.acquire()
        let tally = Tally()
        var tasks: [Task<Void, any Error>] = []
        for number in 0..<20 {
            tasks.append(
                Task {
                    try await semaphore.acquire()
                    tally.note(number)
                    semaphore.release()
                })
            await until { semaphore.waiting == number + 1 }
        }
        semaphore.release()
        for task in tasks { try await task.value }
        #expect(tally.order == Array(0..<20))
        #expect(semaphore.available == 1)
    }

    @Test func aCancelledWaiterThrowsAndLeavesNoPermitBehind() async throws {
        let semaphore = AsyncSemaphore(permits: 1)
        try await semaphore.acquire()
        let waiter = Task { try await semaphore.acquire() }
        await until { semaphore.waiting == 1 }
        waiter.cancel()
        await #expect(throws: CancellationError.self) { try await waiter.value }
        semaphore.release()
        #expect(semaphore.available == 1)
    }

    @Test func aTaskCancelledBeforeItWaitsDoesNotWait() async throws {
        let semaphore = AsyncSemaphore(permits: 1)
        try await semaphore.acquire()
        let task = Task {
            while !Task.isCancelled { await Task.yield() }
            try await semaphore.acquire()
        }
        task.cancel()
        await #expect(throws: CancellationError.self) { try await task.value }
        semaphore.release()
        #expect(semaphore.available == 1)
    }

    @Test func cancellingAtRandomNeverLosesAPermit() async throws {
        let semaphore = AsyncSemaphore(permits: 3)
        let tally = Tally()
        await withTaskGroup(of: Void.self) { group in
            for number in 0..<2_000 {
                group.addTask {
                    let task = Task {
                        try await semaphore.acquire()
                        tally.enter()
                        await Task.yield()
                        tally.leave()
                        semaphore.release()
                    }
                    if number.isMultiple(of: 2) { await Task.yield() }
                    if number.isMultiple(of: 3) { task.cancel() }
                    _ = await task.result
                }
            }
        }
        #expect(semaphore.available == 3)
        #expect(tally.most <= 3)
    }
}
