import Logging
import Synchronization
import Testing

@testable import ScrapeService

@Suite struct JSONLogHandlerTests {
    private final class Sink: Sendable {
        private let bytes = Mutex<[[UInt8]]>([])
        var lines: [[UInt8]] { bytes.withLock { $0 } }
        func write(_ line: [UInt8]) { bytes.withLock { $0.append(line) } }
    }

    private func log(_ body: (inout Logger) -> Void) -> [[UInt8]] {
        let sink = Sink()
        var logger = Logger(label: "test") { _ in JSONLogHandler(write: sink.write) }
        body(&logger)
        return sink.lines
    }

    @Test func aLineIsOneObjectWithItsNumbersAsNumbers() throws {
        let lines = log { logger in
            logger[metadataKey: "job_id"] = "7"
            logger.warning(
                "odd",
                metadata: [
                    "status": .stringConvertible(404), "ms": .stringConvertible(1.5),
                    "ok": .stringConvertible(true),
                ])
        }
        let line = try #require(lines.first)
        #expect(lines.count == 1 && line.last == UInt8(ascii: "\n"))
        let object = try JSONParser.parse(Array(line.dropLast()))
        #expect(object["level"] == .string("warning") && object["message"] == .string("odd"))
        #expect(object["job_id"] == .string("7") && object["status"] == .number("404"))
        #expect(object["ms"] == .number("1.5") && object["ok"] == .bool(true))
        if case .string(let time)? = object["time"] {
            #expect(Timestamp.parse(time) != nil)
        } else {
            Issue.record("no time")
        }
    }

    @Test(arguments: ["a\"b\\c", "line\nfeed\r\n", "\u{0}\u{1B}[31m", "é ☕ 😀", "\u{2028}", "</script>"])
    func whateverTextHoldsStaysOnOneLine(_ text: String) throws {
        let lines = log {
            $0.info("\(text)", metadata: ["\(text)": "\(text)", "list": ["\(text)", ["k": "\(text)"]]])
        }
        let line = try #require(lines.first)
        #expect(line.count { $0 == UInt8(ascii: "\n") } == 1)
        #expect(!line.dropLast().contains { $0 < 0x20 })
        let object = try JSONParser.parse(Array(line.dropLast()))
        #expect(object["message"] == .string(text) && object[text] == .string(text))
    }

    @Test func metadataCannotTakeTheLinesOwnNames() throws {
        let lines = log { $0.info("true", metadata: ["message": "false", "level": "none", "time": "never"]) }
        let object = try JSONParser.parse(Array(try #require(lines.first).dropLast()))
        #expect(object["message"] == .string("true") && object["message_"] == .string("false"))
        #expect(object["level"] == .string("info") && object["time_"] == .string("never"))
    }

    @Test func theLevelDecidesWhatIsWritten() {
        let lines = log { logger in
            logger.logLevel = .error
            logger.warning("not this")
            logger.error("this")
        }
        #expect(lines.count == 1)
    }
}
