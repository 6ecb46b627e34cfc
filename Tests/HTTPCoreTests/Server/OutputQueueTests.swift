import CLinux
import Testing

@testable import HTTPCore

@Suite struct OutputQueueTests {
    /// Takes all out, at most `step` bytes at a time, and gives what came out.
    private func empty(_ queue: inout OutputQueue, step: Int) throws -> [UInt8] {
        var taken: [UInt8] = []
        while !queue.isEmpty {
            let outcome = try queue.offer { buffers throws(SystemError) in
                var left = step
                for buffer in buffers where left > 0 {
                    let bytes = UnsafeRawBufferPointer(start: buffer.iov_base, count: buffer.iov_len).prefix(
                        left)
                    taken += bytes
                    left -= bytes.count
                }
                return .done(step - left)
            }
            guard case .done(let count) = outcome, count > 0 else { break }
            queue.consume(count)
        }
        return taken
    }

    @Test(
        "what goes in comes out in order, however little is taken at once",
        arguments: [7, 1000, 20_000, 1 << 20])
    func order(step: Int) throws {
        var queue = OutputQueue()
        var expected: [UInt8] = []
        for (number, size) in [3, 20_000, 5, 0, 17_000, 16_384, 1].enumerated() {
            let bytes = (0..<size).map { UInt8(truncatingIfNeeded: $0 &* 7 &+ number) }
            queue.append(bytes)
            [UInt8(0xFF)].withUnsafeBytes { queue.append(copying: $0) }
            expected += bytes + [0xFF]
        }
        #expect(queue.count == expected.count)
        #expect(try empty(&queue, step: step) == expected)
        #expect(queue.isEmpty)
    }

    @Test("it can be used again after it ran empty, and half-way")
    func reuse() throws {
        var queue = OutputQueue()
        queue.append([1, 2, 3])
        queue.consume(2)
        queue.append([4])
        #expect(try empty(&queue, step: 10) == [3, 4])
        queue.append([5])
        #expect(try empty(&queue, step: 1) == [5])
    }

    @Test("bytes that lie in one piece are offered as one")
    func whole() throws {
        var queue = OutputQueue()
        queue.append([1, 2, 3])
        queue.consume(1)
        let outcome = try queue.offerWhole { bytes throws(SystemError) in .done(bytes.count) }
        guard case .done(2)? = outcome else {
            Issue.record("not offered as one")
            return
        }
        queue.append([UInt8](repeating: 0, count: 20_000))
        let second = try queue.offerWhole { _ throws(SystemError) in .done(0) }
        if case .some = second { Issue.record("offered as one") }
    }
}
