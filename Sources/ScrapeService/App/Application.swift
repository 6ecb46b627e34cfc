import Foundation
import HTTPCore
import Logging
import UnixSignals

/// Wires everything, serves until SIGTERM or SIGINT, then ends in order: no new requests, no new fetches, what is
/// fetched is settled, leases go back, connections close, the embedded database stops if nobody else uses it.
struct Application {
    /// Pause between two looks for a database that is not there yet.
    private static let databaseInterval = Duration.seconds(1)
    /// How often it is asked whether a newer service has migrated the database: this one must not work on it then.
    private static let schemaInterval = Duration.seconds(5)

    private let configuration: ServeConfiguration
    private let logger: Logger

    init(_ configuration: ServeConfiguration) {
        self.configuration = configuration
        logger = configuration.logFormat.logger(level: configuration.logLevel)
    }

    func run() async throws {
        Descriptors.raiseLimit()
        let signals = await UnixSignalsSequence(trapping: .sigterm, .sigint)
        let database = Database(configuration.database, logger: logger)
        var storage = try await database.open()
        storage.retainDays = configuration.retainDays
        let parts = try Parts(configuration, storage, logger)
        do {
            let port = try await parts.server.start(
                host: configuration.bind.host, port: configuration.bind.port)
            var address = configuration.bind
            address.port = port
            announce(address)
        } catch {
            await parts.stop()
            await database.close()
            throw SettingError(name: "--bind", reason: "cannot listen on \(configuration.bind): \(error)")
        }
        let work = Task { try await beginWork(parts, storage) }
        for await signal in signals {
            logger.info("stopping", metadata: ["signal": "\(signal)"])
            break
        }
        work.cancel()
        _ = await work.result
        await parts.stop()
        await database.close()
        logger.info("stopped")
    }

    /// One line for people and scripts; the log has the rest.
    private func announce(_ address: BindAddress) {
        FileHandle.standardOutput.write(
            Data("\(Service.name) \(Service.version) listening on http://\(address)".utf8 + [0x0A]))
        if configuration.keys.isEmpty { logger.notice("no API key is configured: serving loopback only") }
    }

    /// The database may come later than the service: until it is there and migrated, `/readyz` says so.
    private func beginWork(_ parts: Parts, _ storage: StorageConfiguration) async throws {
        while true {
            do {
                try await Migrator(configuration: storage).migrate(on: parts.workLoop, logger: logger)
                try await parts.workStore.pruneDeadReplicas()
                break
            } catch let error as MigrationError {
                logger.critical("the database's schema does not fit", metadata: ["cause": "\(error)"])
                return
            } catch {
                logger.warning("no database yet", metadata: ["cause": "\(error)"])
                try await parts.workLoop.sleep(for: Self.databaseInterval)
            }
        }
        await parts.listener.start()
        await parts.engine.start()
        await parts.webhooks.start()
        logger.info("ready for work")
        try await watchSchema(parts)
        await parts.engine.stop()
    }

    /// Returns once the database has another schema than this service's.
    private func watchSchema(_ parts: Parts) async throws {
        while true {
            try await parts.workLoop.sleep(for: Self.schemaInterval)
            do {
                try await parts.workStore.checkReady()
            } catch StoreError.foreignSchema(let cause) {
                logger.critical("no more work here: the schema has changed", metadata: ["cause": "\(cause)"])
                return
            } catch {
                logger.debug("the schema could not be looked at", metadata: ["cause": "\(error)"])
            }
        }
    }
}

/// Everything that runs, wired once. Two loops: one answers, one works; a status read never waits behind a job.
private struct Parts {
    let answerLoop: EventLoop
    let workLoop: EventLoop
    let workers: WorkerPool
    let readStore: PostgresStore
    let workStore: PostgresStore
    let listener: WakeListener
    let fetcher: CurlFetcher
    let engine: Engine
    let webhooks: WebhookDelivery
    let accessLog: AccessLog?
    let server: Server
    let logger: Logger

    init(_ configuration: ServeConfiguration, _ storage: StorageConfiguration, _ logger: Logger) throws {
        self.logger = logger
        answerLoop = try EventLoop(name: "answer")
        workLoop = try EventLoop(name: "work")
        workers = WorkerPool(threads: ProcessInfo.processInfo.activeProcessorCount)
        readStore = PostgresStore(storage, on: answerLoop, logger: logger)
        workStore = PostgresStore(storage, on: workLoop, logger: logger)
        let metrics = ServiceMetrics()
        let pools = ["api": readStore.pool, "jobs": workStore.pool]
        let signals = JobSignals()
        listener = WakeListener(storage, on: workLoop, logger: logger) { signals.workArrived() }
        var fetching = FetchConfiguration()
        fetching.egress = configuration.egress
        fetcher = try CurlFetcher(loop: workLoop, configuration: fetching)
        let fetches = FetchScheduler(loop: workLoop, sharesHosts: true)
        let agreement = HostAgreement(fetches, store: workStore, loop: workLoop, logger: logger)
        let urls = CurlURLs()
        let compiler = PlanCompiler()
        let context = EngineContext(
            loop: workLoop, store: workStore, files: workStore, fetcher: fetcher, compiler: compiler,
            urls: urls, fetches: fetches, agreement: agreement,
            robots: RobotsCache(loop: workLoop, workers: workers),
            robotsSeat: fetches.makeSeat(permits: RobotsCache.maxFetches, RobotsCache.politeness),
            workers: workers, signals: signals, membership: Membership(),
            userAgent: configuration.userAgent, metrics: metrics.engine, logger: logger)
        engine = Engine(context)
        let previews = JobPreviews(context)
        webhooks = Self.webhooks(configuration, workStore, fetcher, signals, metrics, workLoop, logger)
        let responder = WebService.responder(
            APIContext(
                catalog: readStore, files: readStore, urls: urls, compiler: compiler, signals: signals,
                preview: previews.preview, workers: workers, loop: answerLoop,
                authenticator: Authenticator(keys: configuration.keys),
                maxBodyBytes: configuration.limits.maxBodyBytes,
                exposition: { await metrics.exposition(pools) }, logger: logger))
        accessLog = configuration.logsAccess ? try AccessLog(logger: logger) : nil
        let observers: [(any ServerObserver)?] = [metrics.server, accessLog]
        server = Server(
            loop: answerLoop, limits: configuration.limits, logger: logger, responder: responder,
            observer: ServerObservers(observers.compactMap(\.self)),
            errorResponse: { Problem($0).response(requestID: $1, instance: nil) })
    }

    private static func webhooks(
        _ configuration: ServeConfiguration, _ store: PostgresStore, _ fetcher: CurlFetcher,
        _ signals: JobSignals, _ metrics: ServiceMetrics, _ loop: EventLoop, _ logger: Logger
    ) -> WebhookDelivery {
        var limits = WebhookDelivery.Limits()
        limits.policy.firstPause = configuration.webhookRetryPause
        let context = WebhookContext(
            loop: loop, store: store, fetcher: fetcher, signals: signals, userAgent: configuration.userAgent,
            metrics: metrics.webhooks, logger: logger,
            body: { delivery in
                let job = try await store.snapshot(of: delivery.job, owner: nil)
                return job.map { WebhookView(delivery: delivery, job: $0).bytes }
            })
        return WebhookDelivery(context, limits: limits)
    }

    /// For the database to take what is fetched and the leases. One that is away is known to be, and costs a second
    /// or two; one that hangs costs this, and its leases expire.
    private static let storeDrainTimeout = Duration.seconds(10)

    /// Leases go back at once, beside the answers that are under way: a client that waits for its job here must not
    /// keep the job from the other replicas.
    func stop() async {
        async let answered: Void = server.shutdown()
        await bounded(workStore, workLoop) {
            await listener.stop()
            await engine.stop()
            await webhooks.stop()
            await workStore.close()
        }
        await answered
        accessLog?.stop()
        await fetcher.stop()
        workers.stop()
        await bounded(readStore, answerLoop) { await readStore.close() }
        workLoop.stop()
        answerLoop.stop()
    }

    /// Runs `body`; lets go of the store's connections where it takes longer than ``storeDrainTimeout``.
    private func bounded(
        _ store: PostgresStore, _ loop: EventLoop, _ body: () async -> Void
    ) async {
        let abandoning = Task { [logger] in
            try await loop.sleep(for: Self.storeDrainTimeout)
            logger.warning("the database does not answer: leases are left to expire")
            await store.abandon()
        }
        await body()
        abandoning.cancel()
    }
}
