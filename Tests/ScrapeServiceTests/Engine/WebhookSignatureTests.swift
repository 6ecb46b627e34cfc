import Foundation
import Testing

@testable import ScrapeService

@Suite struct WebhookSignatureTests {
    private let body = Array(#"{"event":"completed","name":"mötorräder"}"#.utf8)
    private let secret = WebhookSecret(text: "gehéim")
    private let date = Date(timeIntervalSince1970: 1_792_000_000.9)

    /// The code is Python's: `hmac.new(secret, b"1792000000." + body, "sha256").hexdigest()`.
    @Test func theCodeIsOverTheTimeAndTheBody() {
        #expect(
            WebhookSignature.field(body, secret: secret, at: date)
                == "t=1792000000,v1=61f8c2b05ab9a9470c698c0f3589656f9d4ea92982903214a392c3d6eed44ccc")
    }

    @Test func anotherTimeBodyOrSecretIsAnotherCode() {
        let fields = [
            WebhookSignature.field(body, secret: secret, at: date),
            WebhookSignature.field(body, secret: secret, at: date + 1),
            WebhookSignature.field(body + [0x20], secret: secret, at: date),
            WebhookSignature.field(body, secret: WebhookSecret(text: "geheim"), at: date),
        ]
        #expect(Set(fields.map { $0.suffix(64) }).count == 4)
    }

    @Test func aSecretIsNotShownByWhatHoldsIt() throws {
        let webhook = Webhook(url: WebURL(canonical: "http://h/"), secret: secret)
        let spec = JobSpec(start: [], pages: [], webhook: webhook)
        var dumped = ""
        dump(spec, to: &dumped)
        let stored = String(decoding: try JSONEncoder().encode(spec), as: UTF8.self)
        for text in ["\(spec)", String(reflecting: spec), dumped, stored] {
            #expect(text.contains("http") && !text.contains("gehéim"), "\(text)")
        }
    }
}
