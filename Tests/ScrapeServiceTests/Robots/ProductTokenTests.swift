import Testing

@testable import ScrapeService

@Suite struct ProductTokenTests {
    @Test(arguments: [
        ("scrape-service/0.1.0", "scrape-service"), ("ExampleBot", "examplebot"), ("a_b/1 (x)", "a_b"),
        ("MJ12bot/v1.4.8", "mj12bot"),
        ("Mozilla/5.0 (compatible; ExampleBot/0.1; https://www.example.com/bot.html)", "examplebot"),
        ("Mozilla/5.0 (Macintosh; X) (Compatible;Example_Bot)", "example_bot"),
        ("Mozilla/5.0 (X11; Linux x86_64) Gecko/20100101", "mozilla"),
        ("Mozilla/5.0 (compatible; )", "mozilla"),
        ("mozilla", "mozilla"), ("Bot.NET/1", "bot"),
    ])
    func theNameOfACrawlerIsInItsUserAgent(_ field: String, _ token: String) {
        #expect(ProductToken.ofField(field) == token)
    }

    @Test(arguments: ["", " x", "(compatible)", "/1.0", "*"])
    func aUserAgentMayHaveNoName(_ field: String) {
        #expect(ProductToken.ofField(field) == nil)
    }
}
