import ArgumentParser
import CMimalloc
import ScrapeService

@main
struct Main {
    static func main() async {
        // Building and freeing a page's tree is mostly malloc and free: mimalloc in their place saves about 30 % of the
        // CPU of a job (Benchmarks/README.md). Naming it keeps the linker from dropping the library.
        _ = mi_version()
        await ScrapeServiceCommand.main()
    }
}
