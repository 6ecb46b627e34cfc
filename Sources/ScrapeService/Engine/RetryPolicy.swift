import Foundation
import HTTPCore

/// When a failed page is tried again: exponential backoff with full jitter, or what the server asked for.
enum RetryPolicy {
    /// Backoff after the first failure; doubles with each further one.
    static let base = Duration.milliseconds(500)
    /// The longest backoff of our own.
    static let maxBackoff = Duration.seconds(60)
    /// The longest `Retry-After` obeyed: a server may not park a job for a day.
    static let maxRetryAfter = Duration.seconds(300)

    /// `random` in 0…1. Full jitter spreads retries that failed together.
    static func backoff(attempt: Int, random: Double) -> Duration {
        let ceiling = min(maxBackoff, base * (1 << min(attempt, 16)))
        return ceiling * random
    }

    /// `Retry-After` as seconds or as an HTTP date (RFC 9110 §10.2.3); nil where it is neither.
    static func retryAfter(_ field: String?, now: Date = Date()) -> Duration? {
        guard let field else { return nil }
        if !field.isEmpty, field.utf8.allSatisfy({ (0x30...0x39).contains($0) }) {
            return min(maxRetryAfter, .seconds(Int(field) ?? .max))
        }
        let now = now.timeIntervalSince1970
        guard let date = HTTPDate.parse(field, now: Int(now)) else { return nil }
        return min(maxRetryAfter, max(.zero, .seconds(Double(date) - now)))
    }
}
