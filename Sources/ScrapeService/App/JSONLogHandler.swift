import Foundation
import Glibc
import HTTPCore
import Logging
import Synchronization

/// Writes each log line as one JSON object: `time`, `level`, `message`, then the metadata by name. Numbers and booleans
/// stay what they are.
struct JSONLogHandler: LogHandler {
    /// Of this handler's own; metadata of the same name gets a `_` behind it.
    private static let ownNames: Set<String> = ["time", "level", "message"]

    var metadata: Logger.Metadata = [:]
    var logLevel = Logger.Level.info
    private let write: @Sendable ([UInt8]) -> Void

    init(write: @escaping @Sendable ([UInt8]) -> Void = StandardError.write) { self.write = write }

    subscript(metadataKey key: String) -> Logger.MetadataValue? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        var line = JSONWriter(capacity: 512)
        line.object { object in
            object.key("time")
            object.string(Timestamp.text(.now))
            object.key("level")
            object.string(event.level.rawValue)
            object.key("message")
            object.string(event.message.description)
            let all = metadata.merging(event.metadata ?? [:]) { $1 }
            for (name, value) in all.sorted(by: { $0.key < $1.key }) {
                object.key(Self.ownNames.contains(name) ? name + "_" : name)
                Self.write(value, to: &object)
            }
        }
        write(line.bytes + [UInt8(ascii: "\n")])
    }

    private static func write(_ value: Logger.MetadataValue, to writer: inout JSONWriter) {
        switch value {
        case .string(let text): writer.string(text)
        case .stringConvertible(let number as any BinaryInteger): writer.int(number)
        case .stringConvertible(let number as Double): writer.number(number)
        case .stringConvertible(let flag as Bool): writer.bool(flag)
        case .stringConvertible(let value): writer.string(value.description)
        case .array(let values):
            writer.array { array in for value in values { write(value, to: &array) } }
        case .dictionary(let members):
            writer.object { object in
                for (name, value) in members.sorted(by: { $0.key < $1.key }) {
                    object.key(name)
                    write(value, to: &object)
                }
            }
        }
    }
}

/// The process's standard error, where lines of several threads must not mix.
enum StandardError {
    private static let lock = Mutex(())

    @Sendable static func write(_ bytes: [UInt8]) {
        lock.withLock { _ in
            bytes.withUnsafeBytes { buffer in
                var rest = UnsafeRawBufferPointer(rebasing: buffer[...])
                while !rest.isEmpty {
                    let count = Glibc.write(STDERR_FILENO, rest.baseAddress, rest.count)
                    if count > 0 {
                        rest = UnsafeRawBufferPointer(rebasing: rest[count...])
                    } else if count < 0, errno == EAGAIN {
                        // Somebody has made a terminal or a pipe that we share non-blocking.
                        var ready = pollfd(fd: STDERR_FILENO, events: Int16(POLLOUT), revents: 0)
                        poll(&ready, 1, -1)
                    } else if count < 0, errno != EINTR {
                        // Nobody is left to tell.
                        return
                    }
                }
            }
        }
    }
}

/// How log lines look.
enum LogFormat: String, CaseIterable {
    /// For machines.
    case json
    /// For people.
    case text

    func logger(level: Logger.Level) -> Logger {
        var logger = Logger(label: Service.name) { label -> any LogHandler in
            switch self {
            case .json: JSONLogHandler()
            case .text: StreamLogHandler.standardError(label: label)
            }
        }
        logger.logLevel = level
        return logger
    }
}
