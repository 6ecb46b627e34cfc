import Glibc
@testable import HTTPCore
import Synchronization
import Testing

/// An actor whose thread is a loop's.
private actor Resident {
    nonisolated var unownedExecutor: UnownedSerialExecutor { loop.asUnownedSerialExecutor() }
    let loop: EventLoop
    private(set) var log: [Int] = []

    init(loop: EventLoop) { self.loop = loop }

    func note(_ number: Int) -> Bool {
        log.append(number)
        return loop.isCurrent
    }

    func callIsolated() -> Bool { assumeIsolated { $0.loop.isCurrent } }
}

private final class Counter: Sendable {
    private let count = Atomic<Int>(0)
    var value: Int { count.load(ordering: .relaxed) }
    func add(_ number: Int = 1) { count.add(number, ordering: .relaxed) }
}

@Suite(.timeLimit(.minutes(1))) struct EventLoopTests {
    @Test("jobs run in the order they came, however many there are")
    func order() async throws {
        let loop = try EventLoop(name: "order")
        let seen = Mutex<[Int]>([])
        for number in 0..<5000 { loop.execute { seen.withLock { $0.append(number) } } }
        await loop.yield()
        #expect(seen.withLock { $0 } == Array(0..<5000))
        loop.stop()
    }

    @Test("a job that queues jobs is followed by those that were there before")
    func fairness() async throws {
        let loop = try EventLoop(name: "fair")
        let seen = Mutex<[String]>([])
        loop.execute {
            loop.execute { seen.withLock { $0.append("inner") } }
            seen.withLock { $0.append("outer") }
        }
        loop.execute { seen.withLock { $0.append("next") } }
        await loop.yield()
        await loop.yield()
        #expect(seen.withLock { $0.first } == "outer")
        #expect(seen.withLock { $0.count } == 3)
        loop.stop()
    }

    @Test("an actor on the loop runs on its thread")
    func actorIsolation() async throws {
        let loop = try EventLoop(name: "actor")
        let resident = Resident(loop: loop)
        for number in 0..<100 { #expect(await resident.note(number)) }
        #expect(await resident.log == Array(0..<100))
        #expect(await resident.callIsolated())
        #expect(!loop.isCurrent)
        loop.stop()
    }

    @Test("jobs of many threads all run, and wake a sleeping loop")
    func manyThreads() async throws {
        let loop = try EventLoop(name: "threads")
        let count = Counter()
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<8 {
                group.addTask {
                    for _ in 0..<500 {
                        await withCheckedContinuation { done in
                            loop.execute {
                                count.add()
                                done.resume()
                            }
                        }
                    }
                }
            }
        }
        #expect(count.value == 4000)
        loop.stop()
    }

    @Test("stopping twice, at once, or from the loop itself is fine")
    func stopTwice() async throws {
        let unused = try EventLoop(name: "unused")
        unused.stop()
        unused.stop()
        let own = try EventLoop(name: "own")
        await withCheckedContinuation { done in
            own.execute {
                own.stop()
                done.resume()
            }
        }
        own.stop()
    }

    @Test("stop runs what is queued first")
    func stopDrains() throws {
        let loop = try EventLoop(name: "drain")
        let count = Counter()
        for _ in 0..<2000 { loop.execute { count.add() } }
        loop.stop()
        #expect(count.value == 2000)
    }
}

@Suite(.timeLimit(.minutes(1))) struct TimerTests {
    @Test("timers fire by deadline, then in the order they were made, and not once cancelled")
    func order() async throws {
        let loop = try EventLoop(name: "timers")
        let seen = Mutex<[Int]>([])
        await withCheckedContinuation { done in
            loop.execute {
                let start = ContinuousClock.now
                loop.schedule(at: start + .milliseconds(30)) { seen.withLock { $0.append(3) } }
                loop.schedule(at: start + .milliseconds(10)) { seen.withLock { $0.append(1) } }
                loop.schedule(at: start + .milliseconds(10)) { seen.withLock { $0.append(2) } }
                let cancelled = loop.schedule(at: start + .milliseconds(15)) {
                    seen.withLock { $0.append(9) }
                }
                cancelled.cancel()
                cancelled.cancel()
                loop.schedule(at: start + .milliseconds(40)) { done.resume() }
            }
        }
        #expect(seen.withLock { $0 } == [1, 2, 3])
        loop.stop()
    }

    @Test("thousands of cancelled timers do not disturb the live ones")
    func manyCancelled() async throws {
        let loop = try EventLoop(name: "cancelled")
        let fired = Counter()
        await withCheckedContinuation { done in
            loop.execute {
                for round in 0..<5000 {
                    loop.schedule(after: .seconds(3600)) { fired.add(100_000) }.cancel()
                    if round % 100 == 0 { loop.schedule(after: .milliseconds(5)) { fired.add() } }
                }
                loop.schedule(after: .milliseconds(20)) { done.resume() }
            }
        }
        #expect(fired.value == 50)
        loop.stop()
    }

    @Test("a timer never fires early")
    func notEarly() async throws {
        let loop = try EventLoop(name: "early")
        for _ in 0..<20 {
            let start = ContinuousClock.now
            try await loop.sleep(for: .milliseconds(3))
            #expect(ContinuousClock.now - start >= .milliseconds(3))
        }
        loop.stop()
    }
}

@Suite(.timeLimit(.minutes(1))) struct WaitingTests {
    private func makePair() -> (Int32, Int32) {
        var pair: [Int32] = [0, 0]
        #expect(socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue), 0, &pair) == 0)
        return (pair[0], pair[1])
    }

    @Test("a sleep that is cancelled ends at once")
    func cancelSleep() async throws {
        let loop = try EventLoop(name: "sleep")
        let task = Task { try await loop.sleep(for: .seconds(3600)) }
        try await loop.sleep(for: .milliseconds(5))
        task.cancel()
        await #expect(throws: CancellationError.self) { try await task.value }
        loop.stop()
    }

    @Test("no cancellation is lost, whenever it comes")
    func cancelRace() async throws {
        let loop = try EventLoop(name: "race")
        for _ in 0..<500 {
            let task = Task { try await loop.sleep(for: .seconds(3600)) }
            task.cancel()
            await #expect(throws: CancellationError.self) { try await task.value }
        }
        loop.stop()
    }

    @Test("a wait ends when its descriptor is ready, its deadline passes or its task is cancelled")
    func waits() async throws {
        let loop = try EventLoop(name: "waits")
        let (near, far) = makePair()
        let ready = Task { try await loop.wait(for: near, .readable) }
        write(far, "x", 1)
        try await ready.value
        var byte: UInt8 = 0
        read(near, &byte, 1)
        await #expect(throws: DeadlineExceeded.self) {
            try await loop.wait(for: near, .readable, until: .now + .milliseconds(5))
        }
        let cancelled = Task { try await loop.wait(for: near, .readable) }
        cancelled.cancel()
        await #expect(throws: CancellationError.self) { try await cancelled.value }
        close(near)
        close(far)
        loop.stop()
    }

    @Test("a second wait on a descriptor ends the first one")
    func replaced() async throws {
        let loop = try EventLoop(name: "replaced")
        let (near, far) = makePair()
        let first = Task { try await loop.wait(for: near, .readable) }
        try await loop.sleep(for: .milliseconds(5))
        let second = Task { try await loop.wait(for: near, .readable) }
        await #expect(throws: SystemError(call: "wait", errno: EBUSY)) { try await first.value }
        write(far, "x", 1)
        try await second.value
        close(near)
        close(far)
        loop.stop()
    }

    @Test("an event of a closed descriptor does not reach the next owner of its number")
    func reusedNumber() async throws {
        let loop = try EventLoop(name: "reuse")
        let (near, far) = makePair()
        let (other, otherFar) = makePair()
        let (fresh, freshFar) = makePair()
        let log = Mutex<[String]>([])
        // Both are ready in one look at epoll; whichever is told first gives the other's number to a new descriptor.
        await withCheckedContinuation { (done: CheckedContinuation<Void, Never>) in
            loop.execute {
                let isTaken = Mutex(false)
                func take(_ victim: Int32) {
                    guard isTaken.withLock({ !$0 }) else { return log.withLock { $0.append("stale") } }
                    isTaken.withLock { $0 = true }
                    dup2(fresh, victim)
                    let registration = try? loop.register(victim, .readable) { _ in
                        log.withLock { $0.append("fresh") }
                    }
                    loop.schedule(after: .milliseconds(10)) {
                        registration?.cancel()
                        done.resume()
                    }
                }
                let first = try? loop.register(near, [.readable, .edge]) { _ in take(other) }
                let second = try? loop.register(other, [.readable, .edge]) { _ in take(near) }
                write(far, "x", 1)
                write(otherFar, "x", 1)
                loop.schedule(after: .milliseconds(5)) {
                    first?.cancel()
                    second?.cancel()
                }
            }
        }
        #expect(log.withLock { $0 }.isEmpty == true)
        for descriptor in [near, far, other, otherFar, fresh, freshFar] { close(descriptor) }
        loop.stop()
    }

    @Test("an event that ends a sleep sees the time after it, not the one before")
    func timeAfterSleep() async throws {
        let loop = try EventLoop(name: "now")
        let (near, far) = makePair()
        let (times, arrival) = AsyncStream.makeStream(of: LoopTime.self)
        loop.execute {
            // With a timer the loop reads the time before it sleeps.
            loop.schedule(after: .seconds(3600)) {}
            _ = try? loop.register(near, [.readable, .edge]) { _ in arrival.yield(loop.now) }
        }
        try await Task.sleep(for: .milliseconds(50))
        let written = LoopTime.now
        write(far, "x", 1)
        #expect(try #require(await times.first { _ in true }) >= written)
        close(near)
        close(far)
        loop.stop()
    }

    @Test("registering and cancelling again and again leaves nothing behind")
    func registerOften() async throws {
        let loop = try EventLoop(name: "often")
        let (near, far) = makePair()
        for _ in 0..<200 {
            await #expect(throws: DeadlineExceeded.self) {
                try await loop.wait(for: near, .readable, until: .now)
            }
        }
        write(far, "x", 1)
        try await loop.wait(for: near, .readable)
        close(near)
        close(far)
        loop.stop()
    }
}
