import Foundation

/// A job's public name: a UUID version 7 (RFC 9562 §5.7), so ids sort by creation time.
struct JobID: Hashable, Sendable, CustomStringConvertible {
    let uuid: UUID

    init(uuid: UUID) { self.uuid = uuid }

    /// Nil unless `text` is a UUID in its canonical 36-character form.
    init?(_ text: String) {
        guard text.utf8.count == 36, let uuid = UUID(uuidString: text) else { return nil }
        self.uuid = uuid
    }

    /// A new id for `now`: 48 bits of Unix milliseconds, then random bits.
    static func make(now: Date = Date()) -> JobID {
        let milliseconds = UInt64(max(0, now.timeIntervalSince1970 * 1000))
        var bytes = UUID().uuid
        bytes.0 = UInt8(truncatingIfNeeded: milliseconds >> 40)
        bytes.1 = UInt8(truncatingIfNeeded: milliseconds >> 32)
        bytes.2 = UInt8(truncatingIfNeeded: milliseconds >> 24)
        bytes.3 = UInt8(truncatingIfNeeded: milliseconds >> 16)
        bytes.4 = UInt8(truncatingIfNeeded: milliseconds >> 8)
        bytes.5 = UInt8(truncatingIfNeeded: milliseconds)
        bytes.6 = 0x70 | (bytes.6 & 0x0F)
        return JobID(uuid: UUID(uuid: bytes))
    }

    var description: String { uuid.uuidString.lowercased() }
}
