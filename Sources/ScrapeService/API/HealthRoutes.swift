import HTTPCore
import HTTPTypes

/// `/healthz`, `/readyz` and the contract itself: open to everybody, they tell nothing of any job.
struct HealthRoutes: Sendable {
    let context: APIContext

    // It is part of the program, and a test reads it.
    private static let contractJSON = try! ContractJSON.bytes(of: PackageResources.openapi_yaml)

    func add(to router: inout Router) {
        router.on(.get, "/healthz") { _ in .json(.ok, Array(#"{"status":"ok"}"#.utf8)) }
        router.on(.get, "/readyz", ready)
        router.on(.get, "/openapi.yaml") { _ in
            Response(
                status: .ok, headers: [.contentType: "application/yaml"],
                body: .bytes(PackageResources.openapi_yaml))
        }
        let json = Self.contractJSON
        router.on(.get, "/openapi.json") { _ in .json(.ok, json) }
    }

    /// 503 without a database, or with one whose schema is not this version's.
    @Sendable func ready(_ request: Request) async throws -> Response {
        try await context.catalog.checkReady()
        return .json(.ok, Array(#"{"status":"ready"}"#.utf8))
    }
}
