import ScrapeService

@main
struct Main {
    static func main() async {
        print("scrape-service")
    }
}
