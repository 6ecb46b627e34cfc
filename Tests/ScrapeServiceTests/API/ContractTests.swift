import Foundation
import HTTPCore
import HTTPTypes
import Testing
import Yams

@testable import ScrapeService

@Suite struct ContractTests {
    private func document() throws -> [String: Any] {
        let text = try String(contentsOf: SourceTree.root.appending(path: "openapi.yaml"), encoding: .utf8)
        return try #require(try Yams.load(yaml: text) as? [String: Any])
    }

    @Test func everyRouteIsInTheContractAndTheOtherWayRound() async throws {
        let paths = try #require(try document()["paths"] as? [String: [String: Any]])
        let methods: Set<String> = ["get", "put", "post", "delete", "patch"]
        let promised = Set(
            paths.flatMap { path, item in item.keys.filter(methods.contains).map { "\($0) \(path)" } })
        let loop = try EventLoop(name: "test-contract")
        defer { loop.stop() }
        let store = PostgresStore(
            StorageConfiguration(databaseURL: ""), on: loop, logger: TestPostgres.logger)
        let context = APIContext(
            catalog: store, files: store, urls: CurlURLs(), compiler: PlanCompiler(),
            signals: JobSignals(),
            preview: { _, _ in PreviewReport() },
            workers: WorkerPool(threads: 1),
            loop: loop, authenticator: Authenticator(), maxBodyBytes: 1, exposition: { [] },
            logger: TestPostgres.logger)
        let served = Set(
            WebService.router(context).routes.map { "\($0.method.rawValue.lowercased()) \($0.pattern)" })
        #expect(served == promised)
        context.workers.stop()
    }

    @Test func theContractAsJSONIsTheSame() throws {
        let json = try JSONParser.parse(try ContractJSON.bytes(of: PackageResources.openapi_yaml))
        #expect(Self.isSame(json, try document()))
        #expect(
            json["components"]?["schemas"]?["Fetch"]?["properties"]?["concurrency"]?["default"]
                == .number("64"))
        guard case .object(let members) = json else {
            Issue.record("no object")
            return
        }
        #expect(members.prefix(2).map(\.name) == ["openapi", "info"], "its order")
    }

    private static func isSame(_ json: JSONValue, _ yaml: Any) -> Bool {
        switch (json, yaml) {
        case (.object(let members), let mapping as [String: Any]):
            members.count == mapping.count
                && members.allSatisfy { member in
                    mapping[member.name].map { isSame(member.value, $0) } ?? false
                }
        case (.array(let elements), let sequence as [Any]):
            elements.count == sequence.count && zip(elements, sequence).allSatisfy(isSame)
        case (.string(let text), let other as String): text == other
        case (.bool(let flag), let other as Bool): flag == other
        case (.number, let other as Int): json.int == other
        case (.number, let other as Double): json.double == other
        case (.null, is NSNull): true
        default: false
        }
    }

    @Test func theDefaultsAndBoundsOfTheContractAreTheCodes() throws {
        let schemas = try #require(
            (try document()["components"] as? [String: Any])?["schemas"] as? [String: Any])
        func property(_ schema: String, _ name: String) throws -> [String: Any] {
            let properties = try #require(
                (schemas[schema] as? [String: Any])?["properties"] as? [String: Any])
            return try #require(properties[name] as? [String: Any])
        }
        let fetch = FetchPolicy()
        #expect(try property("Fetch", "concurrency")["default"] as? Int == fetch.concurrency)
        #expect(
            try property("Fetch", "concurrency")["maximum"] as? Int == FetchPolicy.concurrencyRange.upperBound
        )
        #expect(try property("Fetch", "timeout_seconds")["default"] as? Int == Int(fetch.timeoutSeconds))
        #expect(
            try property("Fetch", "connect_timeout_seconds")["default"] as? Int
                == Int(fetch.connectTimeoutSeconds))
        #expect(try property("Fetch", "retries")["default"] as? Int == fetch.retries)
        #expect(try property("Fetch", "redirects")["default"] as? Int == fetch.redirects)
        #expect(
            try property("Politeness", "per_host_concurrency")["default"] as? Int
                == Politeness().perHostConcurrency)
        #expect(try property("Politeness", "robots")["default"] as? Bool == Politeness().robots)
        #expect(try property("Limits", "max_page_bytes")["default"] as? Int == JobLimits().maxPageBytes)
        #expect(try property("Limits", "max_file_bytes")["default"] as? Int == JobLimits().maxFileBytes)
        let states = try #require((schemas["State"] as? [String: Any])?["enum"] as? [String])
        #expect(Set(states) == Set(JobState.allCases.map(\.rawValue)))
        let reasons = try #require(try property("Status", "stop_reason")["enum"] as? [Any]).compactMap {
            $0 as? String
        }
        #expect(Set(reasons) == Set(StopReason.allCases.map(\.rawValue)))
        let events = try #require((schemas["Event"] as? [String: Any])?["enum"] as? [String])
        #expect(events == WebhookEvent.allCases.map(\.rawValue))
        #expect(
            try property("Webhook", "events")["default"] as? [String]
                == WebhookEvent.terminal.map(\.rawValue))
        #expect(try property("Webhook", "secret")["maxLength"] as? Int == JobReader.maxSecretLength)
        #expect(
            try property("Delivery", "status")["enum"] as? [String]
                == DeliveryState.allCases.map(\.rawValue))
    }

    @Test func theExampleJobsAreAccepted() throws {
        let folder = SourceTree.root.appending(path: "Examples/jobs")
        let files = try FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: nil)
        #expect(!files.isEmpty)
        let reader = JobReader(urls: CurlURLs(), compiler: PlanCompiler())
        for file in files where file.pathExtension == "json" {
            #expect(throws: Never.self, "\(file.lastPathComponent)") {
                try reader.read(Array(try Data(contentsOf: file)))
            }
        }
    }
}
