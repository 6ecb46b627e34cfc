import DequeModule
import Foundation

/// Threads that wait for the system's resolver, which nothing can interrupt; started as they are needed.
///
// @unchecked: the variables are touched only between `condition.lock()` and `unlock()`.
final class LookupThreads: @unchecked Sendable {
    /// The resolver of glibc and its modules take some 100 KiB. 512 KiB: what the C library gives its own helpers, doubled.
    private static let stackBytes = 512 << 10

    private let maxThreads: Int
    private let lookUp: @Sendable (String) -> NameLookup
    private let condition = NSCondition()
    private var queue = Deque<UInt64>()
    private var requests: [UInt64: Request] = [:]
    private var lastRequest: UInt64 = 0
    private var threads = 0
    private var idleThreads = 0
    private var stopping = false

    private struct Request {
        let name: String
        let completion: @Sendable (NameLookup) -> Void
    }

    init(maxThreads: Int, lookUp: @escaping @Sendable (String) -> NameLookup) {
        self.maxThreads = maxThreads
        self.lookUp = lookUp
    }

    /// Asks for `name` after what was asked for before; `completion` is called on one of the threads, not after
    /// ``stop()``. Returns what to ``withdraw(_:)``.
    func submit(_ name: String, completion: @escaping @Sendable (NameLookup) -> Void) -> UInt64 {
        condition.lock()
        defer { condition.unlock() }
        lastRequest += 1
        guard !stopping else { return lastRequest }
        queue.append(lastRequest)
        requests[lastRequest] = Request(name: name, completion: completion)
        if idleThreads == 0 && threads < maxThreads { startThread() }
        condition.signal()
        return lastRequest
    }

    /// Takes back a request that no thread has begun; false where it is too late.
    func withdraw(_ request: UInt64) -> Bool {
        condition.lock()
        defer { condition.unlock() }
        return requests.removeValue(forKey: request) != nil
    }

    /// Ends the threads, those that wait for an answer as soon as it comes; nobody waits for them. Twice is fine.
    func stop() {
        condition.lock()
        stopping = true
        queue = []
        requests = [:]
        condition.broadcast()
        condition.unlock()
    }

    private func startThread() {
        threads += 1
        let thread = Thread { [self] in serve() }
        thread.name = "names-\(threads)"
        thread.stackSize = Self.stackBytes
        thread.start()
    }

    private func serve() {
        while let request = next() {
            let found = lookUp(request.name)
            if !isStopping { request.completion(found) }
        }
    }

    private var isStopping: Bool {
        condition.lock()
        defer { condition.unlock() }
        return stopping
    }

    private func next() -> Request? {
        condition.lock()
        defer { condition.unlock() }
        while !stopping {
            while let number = queue.popFirst() {
                if let request = requests.removeValue(forKey: number) { return request }
            }
            idleThreads += 1
            condition.wait()
            idleThreads -= 1
        }
        return nil
    }
}
