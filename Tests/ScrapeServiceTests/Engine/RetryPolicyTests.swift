import Foundation
import Testing

@testable import ScrapeService

@Suite struct RetryPolicyTests {
    @Test func backoffDoublesUpToItsCeiling() {
        #expect(RetryPolicy.backoff(attempt: 0, random: 1) == .milliseconds(500))
        #expect(RetryPolicy.backoff(attempt: 3, random: 1) == .seconds(4))
        #expect(RetryPolicy.backoff(attempt: 30, random: 1) == RetryPolicy.maxBackoff)
        #expect(RetryPolicy.backoff(attempt: 3, random: 0) == .zero)
    }

    @Test func retryAfterIsSecondsOrADate() {
        let now = Date(timeIntervalSince1970: 784_111_777)
        #expect(RetryPolicy.retryAfter("3", now: now) == .seconds(3))
        #expect(RetryPolicy.retryAfter("Sun, 06 Nov 1994 08:49:47 GMT", now: now) == .seconds(10))
        #expect(RetryPolicy.retryAfter("Sun, 06 Nov 1994 08:49:27 GMT", now: now) == .zero)
        #expect(RetryPolicy.retryAfter("Sunday, 06-Nov-94 08:49:47 GMT", now: now) == .seconds(10))
        #expect(RetryPolicy.retryAfter("Sun Nov  6 08:49:47 1994", now: now) == .seconds(10))
        #expect(RetryPolicy.retryAfter("86400", now: now) == RetryPolicy.maxRetryAfter)
        #expect(RetryPolicy.retryAfter("99999999999999999999", now: now) == RetryPolicy.maxRetryAfter)
    }

    @Test(arguments: ["", "soon", "-1", "+1", "1.5"])
    func whatIsNeitherIsIgnored(_ field: String) {
        #expect(RetryPolicy.retryAfter(field) == nil)
    }
}
