import Foundation
import Testing

@testable import ScrapeService

@Suite struct WebhookPolicyTests {
    private let policy = WebhookPolicy()

    private func result(
        _ round: Int = 1, status: Int? = nil, error: FailureCode? = nil, asked: Duration? = nil,
        random: Double = 1
    ) -> DeliveryOutcome.Result {
        policy.result(ofRound: round, status: status, error: error, asked: asked, random: random)
    }

    @Test(arguments: [200, 201, 202, 204, 299])
    func anySuccessIsADelivery(_ status: Int) {
        #expect(result(status: status) == .delivered)
    }

    @Test(arguments: [408, 429, 500, 502, 503, 599])
    func whatMayPassIsTriedAgain(_ status: Int) {
        #expect(result(status: status) == .retry(after: .seconds(2)))
    }

    @Test(arguments: [FailureCode.dnsFailed, .connectFailed, .tlsFailed, .timeout, .connectionLost])
    func aNetworkErrorIsTriedAgain(_ code: FailureCode) {
        #expect(result(error: code) == .retry(after: .seconds(2)))
    }

    @Test(arguments: [301, 302, 307, 400, 401, 403, 404, 405, 410, 413, 422, 499, 600])
    func everyOtherStatusFailsAtOnce(_ status: Int) {
        #expect(result(status: status) == .failed)
    }

    @Test(arguments: [FailureCode.urlBlocked, .tooManyRedirects, .tooLarge, .internalError])
    func whatCannotPassFailsAtOnce(_ code: FailureCode) {
        #expect(result(error: code) == .failed)
    }

    @Test func sixRetriesGrowFourfoldAndTheSeventhFailureIsTheLast() {
        let pauses = (1...6).map { result($0, status: 500) }
        #expect(pauses == [2, 8, 32, 128, 512, 2048].map { .retry(after: .seconds($0)) })
        #expect(result(7, status: 500) == .failed)
        // An attempt whose process was killed counts: a further one may come after the last.
        #expect(result(8, status: 500) == .failed)
        #expect(result(8, status: 200) == .delivered)
    }

    @Test func halfOfAPauseIsJitter() {
        #expect(result(2, status: 500, random: 0) == .retry(after: .seconds(4)))
        #expect(result(2, status: 500, random: 0.5) == .retry(after: .seconds(6)))
    }

    @Test func aLongerRetryAfterIsObeyedAndAShorterOneDoesNotHurry() {
        #expect(result(status: 429, asked: .seconds(60)) == .retry(after: .seconds(60)))
        #expect(result(3, status: 429, asked: .seconds(1)) == .retry(after: .seconds(32)))
        #expect(result(7, status: 429, asked: .seconds(1)) == .failed)
    }
}
