import Testing

@testable import ScrapeService

@Suite struct WebURLTests {
    @Test(arguments: [
        ("http://h/", "http://h"), ("https://h:8443/a?b", "https://h:8443"), ("http://h?q", "http://h"),
        ("http://u:p@h:81/x@y", "http://h:81"), ("http://[::1]:80/", "http://[::1]:80"),
        ("http://h", "http://h"),
    ])
    func anOriginIsSchemeHostAndPort(_ text: String, _ origin: String) {
        #expect(WebURL(canonical: text).origin == origin)
    }

    @Test(arguments: [
        ("http://h/", "/"), ("https://h:8443/a?b", "/a?b"), ("http://h?q=/x", "/?q=/x"), ("http://h", "/"),
        ("http://u:p@h:81/x@y?z#", "/x@y?z#"), ("http://[::1]:80/a//b", "/a//b"),
    ])
    func aTargetIsPathAndQuery(_ text: String, _ target: String) {
        #expect(WebURL(canonical: text).target == target)
    }
}
