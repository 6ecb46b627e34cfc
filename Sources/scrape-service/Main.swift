import ArgumentParser
import ScrapeService

@main
struct Main {
    static func main() async {
        await ScrapeServiceCommand.main()
    }
}
