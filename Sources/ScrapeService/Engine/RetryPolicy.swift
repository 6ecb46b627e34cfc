import Foundation

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
        if let seconds = Int(field) {
            return seconds < 0 ? nil : min(maxRetryAfter, .seconds(seconds))
        }
        let formatter = DateFormatter()
        formatter.locale = Locale(identifier: "en_US_POSIX")
        formatter.timeZone = TimeZone(identifier: "GMT")
        formatter.dateFormat = "EEE, dd MMM yyyy HH:mm:ss 'GMT'"
        guard let date = formatter.date(from: field) else { return nil }
        return min(maxRetryAfter, max(.zero, .seconds(date.timeIntervalSince(now))))
    }
}
