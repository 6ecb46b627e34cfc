import Glibc

/// Sends a scenario over one connection, blocking; ends the process when an answer is not what it was the first time.
struct Client {
    /// More than the answers to one write.
    private static let maxAnswerBytes = 64 << 10

    private let descriptor: Int32
    private let request: UnsafeMutableBufferPointer<UInt8>
    private let answer: UnsafeMutableBufferPointer<UInt8>
    private let answerEnd: UnsafeMutableBufferPointer<UInt8>
    /// Bytes of the answers to one write: the date and the request id have a fixed length.
    private let answerBytes: Int

    init(port: Int, scenario: Scenario) {
        descriptor = Self.connect(port: port)
        request = Self.copy(scenario.bytes)
        answerEnd = Self.copy(scenario.answerEnd)
        answer = .allocate(capacity: Self.maxAnswerBytes)
        answer.initialize(repeating: 0)
        answerBytes = Self.firstAnswer(descriptor, scenario, into: answer)
    }

    func close() {
        Glibc.close(descriptor)
        request.deallocate()
        answer.deallocate()
        answerEnd.deallocate()
    }

    func exchange(times: Int) {
        for _ in 0..<times {
            Self.send(descriptor, UnsafeRawBufferPointer(request))
            var received = 0
            while received < answerBytes { received += Self.receive(descriptor, answer, from: received) }
            let end = answer.baseAddress! + answerBytes - answerEnd.count
            let isComplete = memcmp(end, answerEnd.baseAddress!, answerEnd.count) == 0
            guard received == answerBytes, isComplete else { Self.fail("the answers are not alike") }
        }
    }

    private static func connect(port: Int) -> Int32 {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(port).bigEndian
        address.sin_addr.s_addr = INADDR_LOOPBACK.bigEndian
        let result = withUnsafeBytes(of: &address) { bytes in
            Glibc.connect(
                descriptor, bytes.baseAddress?.assumingMemoryBound(to: sockaddr.self), socklen_t(bytes.count))
        }
        guard result == 0 else { fail("connect: errno \(errno)") }
        return descriptor
    }

    private static func copy(_ bytes: [UInt8]) -> UnsafeMutableBufferPointer<UInt8> {
        let buffer = UnsafeMutableBufferPointer<UInt8>.allocate(capacity: bytes.count)
        _ = buffer.initialize(from: bytes)
        return buffer
    }

    /// The number of bytes, known by the ends of the answers that were asked for.
    private static func firstAnswer(
        _ descriptor: Int32, _ scenario: Scenario, into answer: UnsafeMutableBufferPointer<UInt8>
    ) -> Int {
        scenario.bytes.withUnsafeBytes { send(descriptor, $0) }
        var received = 0
        while true {
            received += receive(descriptor, answer, from: received)
            let text = String(decoding: answer[..<received], as: UTF8.self)
            guard text.hasPrefix("HTTP/1.1 200") else { fail("answered \(text)") }
            let end = String(decoding: scenario.answerEnd, as: UTF8.self)
            if text.split(separator: end, omittingEmptySubsequences: false).count > scenario.depth {
                return received
            }
        }
    }

    private static func send(_ descriptor: Int32, _ bytes: UnsafeRawBufferPointer) {
        // The requests are smaller than the kernel's buffer, which takes all or nothing.
        guard write(descriptor, bytes.baseAddress, bytes.count) == bytes.count else {
            fail("a write fell short")
        }
    }

    private static func receive(
        _ descriptor: Int32, _ buffer: UnsafeMutableBufferPointer<UInt8>, from start: Int
    ) -> Int {
        let count = read(descriptor, buffer.baseAddress! + start, buffer.count - start)
        guard count > 0 else { fail("the server ended the connection") }
        return count
    }

    private static func fail(_ what: String) -> Never {
        fatalError(what)
    }
}
