import Foundation
import HTTPTypes
import Testing

@testable import ScrapeService

private func read(_ webhook: String) -> Result<Webhook?, Problem> {
    let job = #"{"start":"http://h/","pages":{"p":{"fields":{"t":"h1"}}},"webhook":\#(webhook)}"#
    let reader = JobReader(urls: CurlURLs(), compiler: PlanCompiler())
    do {
        return .success(try reader.read(Array(job.utf8)).webhook)
    } catch {
        return .failure(error)
    }
}

@Suite struct WebhookReaderTests {
    @Test func aURLAloneIsToldOfTheEnds() throws {
        let webhook = try #require(try read(#"{"url":"HTTPS://Example.org:443/a/../hook?x=1"}"#).get())
        #expect(webhook.url.text == "https://example.org/hook?x=1")
        #expect(webhook.events == [.completed, .failed, .cancelled])
        #expect(webhook.secret == nil)
    }

    @Test func allOfItIsRead() throws {
        let events = WebhookEvent.allCases.map { "\"\($0.rawValue)\"" }.joined(separator: ",")
        let webhook = try #require(
            try read(#"{"url":"http://h/","events":[\#(events)],"secret":"gehéim"}"#).get())
        #expect(webhook.events == WebhookEvent.allCases)
        #expect(webhook.secret?.text == "gehéim")
    }

    @Test(arguments: [
        ("7", ["/webhook"]),
        ("{}", ["/webhook/url"]),
        (#"{"url":7}"#, ["/webhook/url"]),
        (#"{"url":"ftp://h/"}"#, ["/webhook/url"]),
        (#"{"url":"/hook"}"#, ["/webhook/url"]),
        (#"{"url":"file:///etc/passwd"}"#, ["/webhook/url"]),
        (#"{"url":"http://h/","events":[]}"#, ["/webhook/events"]),
        (#"{"url":"http://h/","events":"completed"}"#, ["/webhook/events"]),
        (
            #"{"url":"http://h/","events":["completed","done",7]}"#,
            ["/webhook/events/1", "/webhook/events/2"]
        ),
        (#"{"url":"http://h/","events":["failed","failed"]}"#, ["/webhook/events/1"]),
        (#"{"url":"http://h/","secret":""}"#, ["/webhook/secret"]),
        (#"{"url":"http://h/","secret":["x"]}"#, ["/webhook/secret"]),
        (#"{"url":"http://h/","secret":"a\nb"}"#, ["/webhook/secret"]),
        (#"{"url":"http://h/","headers":{}}"#, ["/webhook/headers"]),
    ])
    func eachMistakeHasItsPointer(_ text: String, _ pointers: [String]) {
        guard case .failure(let problem) = read(text) else {
            Issue.record("\(text) was taken")
            return
        }
        #expect(problem.status.code == 422)
        #expect(problem.errors.map(\.pointer) == pointers)
    }

    @Test func aSecretIsBoundedAndNeverRepeated() {
        let long = String(repeating: "s", count: JobReader.maxSecretLength)
        guard case .success(let webhook) = read(#"{"url":"http://h/","secret":"\#(long)"}"#) else {
            Issue.record("the longest secret was refused")
            return
        }
        #expect(webhook?.secret?.text == long)
        guard case .failure(let problem) = read(#"{"url":"http://h/","secret":"\#(long)s"}"#) else {
            Issue.record("a longer secret was taken")
            return
        }
        #expect(problem.errors.map(\.pointer) == ["/webhook/secret"])
        #expect(!"\(problem)".contains("sss"))
    }

    @Test func aStoredJobWithoutTheMemberIsReadAsOneWithoutAWebhook() throws {
        let spec = JobSpec(start: [], pages: [])
        let stored = String(decoding: try JSONEncoder().encode(spec), as: UTF8.self)
        #expect(!stored.contains("webhook"))
        #expect(try JobSpec(stored: stored) == spec)
        let told = JobSpec(start: [], pages: [], webhook: Webhook(url: WebURL(canonical: "http://h/")))
        #expect(
            try JobSpec(stored: String(decoding: JSONEncoder().encode(told), as: UTF8.self)) == told)
    }
}
