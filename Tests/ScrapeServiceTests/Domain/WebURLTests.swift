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
}
