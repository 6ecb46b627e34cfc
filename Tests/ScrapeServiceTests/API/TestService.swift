import Foundation
import FoundationNetworking
import HTTPCore
import HTTPTypes
import Logging

@testable import ScrapeService

/// How a test reaches the API: its responder called directly, or through the server over a socket.
enum Transport: CaseIterable {
    case memory, socket
}

struct Answer {
    var status: Int
    /// Names in lower case.
    var headers: [String: String]
    var body: [UInt8]

    var text: String { String(decoding: body, as: UTF8.self) }
    var json: JSONValue { (try? JSONParser.parse(body)) ?? .null }
}

/// The service in this process, on a database of its own: real Postgres, real engine, real fetches.
final class TestService: Sendable {
    let responder: any Responder
    let catalog: PostgresStore
    let server: Server
    private let port: Int
    private let engine: Engine
    private let webhooks: WebhookDelivery
    private let work: PostgresStore
    private let fetcher: CurlFetcher
    private let loops: [EventLoop]
    private let workers: WorkerPool

    init(keys: [String] = [], working: Bool = true) async throws {
        let answerLoop = try EventLoop(name: "test-answer")
        let workLoop = try EventLoop(name: "test-work")
        loops = [answerLoop, workLoop]
        let storage = StorageConfiguration(databaseURL: try await TestPostgres.shared.makeMigratedDatabase())
        catalog = PostgresStore(storage, on: answerLoop, logger: TestPostgres.logger)
        work = PostgresStore(storage, on: workLoop, logger: TestPostgres.logger)
        workers = WorkerPool(threads: 2)
        let metrics = ServiceMetrics()
        let pools = ["api": catalog.pool, "jobs": work.pool]
        let signals = JobSignals()
        let urls = CurlURLs()
        let compiler = PlanCompiler()
        var fetching = FetchConfiguration()
        fetching.egress = EgressPolicy(allowed: [try CIDR("127.0.0.0/8")])
        fetcher = try CurlFetcher(loop: workLoop, configuration: fetching)
        let fetches = FetchScheduler(loop: workLoop, sharesHosts: true)
        let agreement = HostAgreement(fetches, store: work, loop: workLoop, logger: TestPostgres.logger)
        let context = EngineContext(
            loop: workLoop, store: work, files: work, fetcher: fetcher, compiler: compiler, urls: urls,
            fetches: fetches, agreement: agreement, robots: RobotsCache(loop: workLoop, workers: workers),
            robotsSeat: fetches.makeSeat(permits: RobotsCache.maxFetches, RobotsCache.politeness),
            workers: workers, signals: signals, membership: Membership(), userAgent: "test",
            metrics: metrics.engine, logger: TestPostgres.logger)
        engine = Engine(context)
        let previews = JobPreviews(context)
        let store = work
        webhooks = WebhookDelivery(
            WebhookContext(
                loop: workLoop, store: store, fetcher: fetcher, signals: signals, userAgent: "test",
                metrics: metrics.webhooks, logger: TestPostgres.logger,
                body: { delivery in
                    let job = try await store.snapshot(of: delivery.job, owner: nil)
                    return job.map { WebhookView(delivery: delivery, job: $0).bytes }
                }))
        responder = WebService.responder(
            APIContext(
                catalog: catalog, files: catalog, urls: urls, compiler: compiler, signals: signals,
                preview: previews.preview, workers: workers, loop: answerLoop,
                authenticator: Authenticator(keys: try APIKey.keys(in: keys.joined(separator: "\n"))),
                maxBodyBytes: 1 << 20,
                exposition: { await metrics.exposition(pools) }, logger: TestPostgres.logger))
        server = Server(
            loop: answerLoop, logger: TestPostgres.logger, responder: responder, observer: metrics.server,
            errorResponse: { Problem($0).response(requestID: $1, instance: nil) })
        port = try await server.start(host: "127.0.0.1", port: 0)
        if working {
            await engine.start()
            await webhooks.start()
        }
    }

    func stop() async {
        await server.shutdown()
        await engine.stop()
        await webhooks.stop()
        await fetcher.stop()
        workers.stop()
        await catalog.close()
        await work.close()
        for loop in loops { loop.stop() }
    }

    func send(
        _ method: String, _ target: String, headers: [String: String] = [:], body: String? = nil,
        over transport: Transport
    ) async throws -> Answer {
        switch transport {
        case .memory: try await sendInMemory(method, target, headers, body)
        case .socket: try await sendOverSocket(method, target, headers, body)
        }
    }

    private func sendInMemory(
        _ method: String, _ target: String, _ headers: [String: String], _ body: String?
    ) async throws -> Answer {
        let parts = target.split(separator: "?", maxSplits: 1)
        var fields = HTTPFields()
        for (name, value) in headers { fields[HTTPField.Name(name)!] = value }
        let request = Request(
            method: HTTPRequest.Method(method)!, path: String(parts[0]),
            query: parts.count == 2 ? String(parts[1]) : nil, headers: fields,
            body: RequestBody(bytes: Array((body ?? "").utf8)))
        let response = try await responder.respond(to: request)
        var names: [String: String] = [:]
        for field in response.headers { names[field.name.canonicalName] = field.value }
        return Answer(
            status: response.status.code, headers: names, body: try await response.body.collectBody())
    }

    private func sendOverSocket(
        _ method: String, _ target: String, _ headers: [String: String], _ body: String?
    ) async throws -> Answer {
        var request = URLRequest(url: URL(string: "http://127.0.0.1:\(port)\(target)")!)
        request.httpMethod = method
        request.cachePolicy = .reloadIgnoringLocalCacheData
        for (name, value) in headers { request.setValue(value, forHTTPHeaderField: name) }
        request.httpBody = body.map { Data($0.utf8) }
        let (data, response) = try await URLSession.shared.data(for: request)
        let answer = response as! HTTPURLResponse
        var names: [String: String] = [:]
        for (name, value) in answer.allHeaderFields { names["\(name)".lowercased()] = "\(value)" }
        return Answer(status: answer.statusCode, headers: names, body: Array(data))
    }
}

/// Runs `body` with a service of its own and stops it afterwards.
func withService<Value>(
    keys: [String] = [], working: Bool = true, _ body: (TestService) async throws -> Value
) async throws -> Value {
    let service = try await TestService(keys: keys, working: working)
    do {
        let value = try await body(service)
        await service.stop()
        return value
    } catch {
        await service.stop()
        throw error
    }
}

/// Ten listing pages of three adverts each; page 3 names an advert that is not there.
func withSite<Value>(_ body: (TestNginx) async throws -> Value) async throws -> Value {
    try await withNginx { nginx in
        for page in 1...10 {
            let links = (1...3).map { "<article data-url='advert-\(page)-\($0).html'></article>" }
            let missing = page == 3 ? "<article data-url='gone.html'></article>" : ""
            try nginx.write("listing-\(page).html", Data("<html><body>\(links.joined())\(missing)".utf8))
            for advert in 1...3 {
                let text = "Motor \(page).\(advert), “mooi”, met 2 wielen"
                try nginx.write(
                    "advert-\(page)-\(advert).html",
                    Data("<html><meta charset=utf-8><body><div id=d> \(text) </div></body></html>".utf8))
            }
        }
        return try await body(nginx)
    }
}

/// The job that reads that site.
func siteJob(_ port: UInt16, more: String = "") -> String {
    #"{"name":"site","start":[{"url":"http://127.0.0.1:\#(port)/listing-{n}.html","#
        + #""variables":{"n":{"from":1,"to":10}},"as":"listing"}],"#
        + #""pages":{"listing":{"follow":[{"links":"article::attr(data-url)","as":"advert"}]},"#
        + ##""advert":{"each":"div#d","fields":{"text":".","nothing":"h6"}}}\##(more)}"##
}
