import Foundation
import Testing

@testable import ScrapeService

@Suite struct JobSpecTests {
    private func decode(politeness: String) throws -> JobSpec {
        try JobSpec(
            stored: """
                {"start":[{"template":{"literals":["http://h/"],"variables":[]},"kind":"p"}],
                 "pages":[{"name":"p","follow":[],"fields":[]}],
                 "fetch":{"concurrency":64,"timeoutSeconds":30,"connectTimeoutSeconds":10,"retries":2,
                          "redirects":10,"headers":[]},
                 "politeness":\(politeness),"limits":{"maxPageBytes":10485760},"onFailure":"continue"}
                """)
    }

    @Test func aJobStoredBeforeRobotsWasReadDecodesAndObeysIt() throws {
        let spec = try decode(politeness: #"{"perHostConcurrency":3}"#)
        #expect(spec.politeness.perHostConcurrency == 3)
        #expect(spec.politeness.robots)
    }

    @Test func whatIsStoredIsWhatIsRead() throws {
        var spec = try decode(politeness: "{}")
        #expect(spec.politeness == Politeness())
        spec.politeness = Politeness(robots: false, perHostConcurrency: 5)
        let stored = String(decoding: try JSONEncoder().encode(spec), as: UTF8.self)
        #expect(try JobSpec(stored: stored) == spec)
    }
}
