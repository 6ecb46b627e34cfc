import HTTPCore
import HTTPTypes
import Logging
import Synchronization
import Testing

@Suite struct AccessLogTests {
    /// Keeps what is logged; a gate may hold the first line back.
    private final class Recorder: Sendable {
        struct Line {
            var level: Logger.Level
            var message: String
            var metadata: Logger.Metadata
        }

        private let kept = Mutex<[Line]>([])
        let gate: (@Sendable () -> Void)?

        init(gate: (@Sendable () -> Void)? = nil) { self.gate = gate }

        var lines: [Line] { kept.withLock { $0 } }

        func logger(level: Logger.Level = .info) -> Logger {
            Logger(label: "access") { _ in Handler(recorder: self, logLevel: level) }
        }

        struct Handler: LogHandler {
            let recorder: Recorder
            var metadata: Logger.Metadata = [:]
            var logLevel: Logger.Level
            subscript(metadataKey key: String) -> Logger.Metadata.Value? {
                get { metadata[key] }
                set { metadata[key] = newValue }
            }

            func log(event: LogEvent) {
                recorder.gate?()
                let line = Line(
                    level: event.level, message: "\(event.message)", metadata: event.metadata ?? [:])
                recorder.kept.withLock { $0.append(line) }
            }
        }
    }

    @Test func aRequestIsOneLineWithoutItsQuery() throws {
        let recorder = Recorder()
        let log = try AccessLog(logger: recorder.logger())
        log.requestEnded(.make(.post, requestBodyBytes: 12, duration: .microseconds(1534)))
        log.stop()
        let line = try #require(recorder.lines.first)
        #expect(recorder.lines.count == 1)
        #expect(line.level == .info && line.message == "request")
        #expect(
            line.metadata.mapValues { "\($0)" } == [
                "method": "POST", "route": "/v1/jobs/{id}", "path": "/v1/jobs/7", "status": "200",
                "complete": "true", "request_bytes": "12", "response_bytes": "100", "duration_ms": "1.534",
                "request_id": "abc", "remote_address": "192.0.2.1",
            ])
        if case .stringConvertible(let status)? = line.metadata["status"] {
            #expect(status is Int)
        } else {
            Issue.record("a number became text")
        }
    }

    @Test func whatWasNoRequestHasNoMethodAndNoRoute() throws {
        let recorder = Recorder()
        let log = try AccessLog(logger: recorder.logger())
        log.requestEnded(.make(nil, route: nil, path: "", status: 400, isComplete: false))
        log.stop()
        let metadata = try #require(recorder.lines.first).metadata
        #expect(metadata["method"] == nil && metadata["route"] == nil)
        #expect(metadata["complete"].map { "\($0)" } == "false")
    }

    @Test func linesStandInTheOrderOfTheRequests() throws {
        let recorder = Recorder()
        let log = try AccessLog(logger: recorder.logger())
        for number in 0..<1000 { log.requestEnded(.make(path: "/\(number)")) }
        log.stop()
        log.stop()
        #expect(recorder.lines.map { "\($0.metadata["path"]!)" } == (0..<1000).map { "/\($0)" })
        log.requestEnded(.make(path: "/late"))
        #expect(recorder.lines.count == 1000)
    }

    @Test func aLoggerThatShowsWarningsOnlyCostsNothing() throws {
        let recorder = Recorder()
        let log = try AccessLog(logger: recorder.logger(level: .warning))
        log.requestEnded(.make())
        log.stop()
        #expect(recorder.lines.isEmpty)
    }

    @Test func aLogThatStandsStillHoldsNobodyUpAndTellsWhatItLeftOut() throws {
        let isHeld = Mutex(true)
        let recorder = Recorder { while isHeld.withLock({ $0 }) {} }
        let log = try AccessLog(logger: recorder.logger())
        let sent = AccessLog.maxPending * 2 + 10
        for _ in 0..<sent { log.requestEnded(.make()) }
        isHeld.withLock { $0 = false }
        log.stop()
        let written = recorder.lines.count { $0.message == "request" }
        let omitted = recorder.lines.compactMap { $0.metadata["count"] }.compactMap { Int("\($0)") }.reduce(
            0, +)
        #expect(written >= AccessLog.maxPending && omitted >= 10)
        #expect(written + omitted == sent)
    }
}
