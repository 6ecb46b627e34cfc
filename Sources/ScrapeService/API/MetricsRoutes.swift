import HTTPCore
import HTTPTypes

/// `/metrics`, open like `/healthz`: sums over all jobs, which name none and hold no URL.
struct MetricsRoutes: Sendable {
    let context: APIContext

    func add(to router: inout Router) {
        router.on(.get, "/metrics") { _ in
            Response(
                status: .ok,
                headers: [
                    .contentType: "text/plain; version=0.0.4; charset=utf-8", .cacheControl: "no-store",
                ],
                body: .bytes(await context.exposition()))
        }
    }
}
