import HTTPCore
import Logging

/// Tries a job on one page of each kind, as a run of it would fetch and read it, and keeps nothing.
///
/// In rounds: the first start page of each kind, then for each kind not seen yet the first link that leads to it.
actor JobPreview {
    struct Limits: Sendable {
        /// More than a person looks through in one answer, and each of them is a request to somebody's host.
        var maxPages = 20
        /// Of the whole: a person waits for it, and proxies on the way give up after a minute.
        var maxDuration = Duration.seconds(30)
        /// Pages fetched or read at once: each may hold `max_page_bytes`.
        var maxConcurrency = 4
        /// Of a page that is only saved: enough to see what it is.
        var maxSavedBytes = 64 << 10
        /// A longer URL of a page is none that somebody means to preview.
        var maxURLBytes = 8_000
    }

    private struct Tool {
        var work: PageWork
        var probe: PreviewProbe

        var kind: PageKind { work.kind }
        /// Its body is looked at; else it is a file only.
        var isRead: Bool { !kind.save || !kind.fields.isEmpty || !kind.follow.isEmpty }
    }

    private struct TimeIsUp: Error {}

    /// How often a preview looks whether the store is still there.
    private static let trustInterval = Duration.milliseconds(500)

    private let context: EngineContext
    private let limits: Limits
    private let pages: JobPages
    private let seat: JobSeat
    private let deadline: ContinuousClock.Instant
    private let began = ContinuousClock.now
    private var tools: [String: Tool] = [:]
    private var seen: Set<String> = []
    private var lastID: Int64 = 0
    /// Pages whose request may have been sent.
    private var asked: Set<Int64> = []
    private var report = PreviewReport()

    nonisolated var unownedExecutor: UnownedSerialExecutor { context.loop.asUnownedSerialExecutor() }

    init(_ spec: JobSpec, _ context: EngineContext, limits: Limits = Limits()) {
        self.context = context
        self.limits = limits
        // Answers are to be seen, whether they are new or not.
        var spec = spec
        spec.fetch.conditional = false
        pages = JobPages(spec, context, logger: context.logger)
        seat = context.fetches.makeSeat(
            permits: min(limits.maxConcurrency, spec.fetch.concurrency), spec.politeness)
        deadline = began + limits.maxDuration
    }

    /// Once. Throws ``PreviewRefusal`` or `CancellationError`, and then nothing is under way any more.
    func run() async throws -> PreviewReport {
        defer { context.fetches.dismiss(seat) }
        for kind in pages.spec.pages {
            tools[kind.name] = Tool(
                work: try PageWork(kind: kind, plan: try context.compiler.compile(kind), urls: context.urls),
                probe: try PreviewProbe(kind, context.compiler))
        }
        var round = startPages()
        while !round.isEmpty {
            let seen = try await look(at: round)
            report.pages += seen
            round = seen.flatMap(followed)
        }
        report.unreached = pages.spec.pages.map(\.name).filter { !seen.contains($0) }
        report.seconds = (ContinuousClock.now - began) / .seconds(1)
        return report
    }

    // MARK: Which pages

    private func startPages() -> [QueuedPage] {
        var round: [QueuedPage] = []
        for entry in pages.spec.start where !seen.contains(entry.kind) {
            guard let page = StartPages(entries: [entry], urls: context.urls).first(where: { _ in true })
            else {
                continue
            }
            if let queued = queue(page, depth: 0) { round.append(queued) }
        }
        return round
    }

    /// The first link of each kind that is not seen yet.
    private func followed(_ page: PreviewPage) -> [QueuedPage] {
        guard case .fetched(let yield) = page.settlement.result else { return [] }
        let kind = page.settlement.page.kind
        // A sitemap that names sitemaps: what it is for is further down.
        let links = yield.links.filter { $0.url.text.utf8.count <= limits.maxURLBytes }
        if tools[kind]?.kind.isSitemap == true, !links.isEmpty, links.allSatisfy({ $0.kind == kind }) {
            seen.remove(kind)
        }
        return links.compactMap { link in
            guard !seen.contains(link.kind) else { return nil }
            return queue(link, depth: page.settlement.page.depth + 1)
        }
    }

    /// Nil where there are enough.
    private func queue(_ page: DiscoveredPage, depth: Int) -> QueuedPage? {
        seen.insert(page.kind)
        guard lastID < limits.maxPages else {
            report.leftOut.append(page.kind)
            return nil
        }
        lastID += 1
        // The last attempt: a preview does not try again, it tells.
        return QueuedPage(
            id: lastID, kind: page.kind, url: page.url, depth: depth, attempt: pages.spec.fetch.retries,
            request: page.request)
    }

    // MARK: One round

    private func look(at round: [QueuedPage]) async throws -> [PreviewPage] {
        context.fetches.expect(seat, round.map(\.url.origin))
        return try await withThrowingTaskGroup(of: PreviewPage.self) { group in
            for page in round { group.addTask { try await self.look(at: page) } }
            var looks: [PreviewPage] = []
            for try await look in group { looks.append(look) }
            return looks.sorted { $0.settlement.page.id < $1.settlement.page.id }
        }
    }

    /// Throws ``PreviewRefusal`` and `CancellationError` only.
    private func look(at page: QueuedPage) async throws -> PreviewPage {
        do {
            return try await untilDeadline { try await self.attempt(page) }
        } catch is TimeIsUp {
            report.ranOutOfTime = true
            var settlement = PageSettlement(page: page, result: .skipped(.maxDuration))
            if asked.contains(page.id) { settlement.result = .failed(.timeout) }
            settlement.detail = "the time for the whole preview was over"
            return PreviewPage(settlement: settlement)
        } catch let refusal as PreviewRefusal {
            throw refusal
        } catch {
            try Task.checkCancellation()
            context.logger.error(
                "preview failed", metadata: ["url": "\(page.url.text)", "cause": "\(error)"])
            return PreviewPage(settlement: PageSettlement(page: page, result: .failed(.internalError)))
        }
    }

    private func untilDeadline(
        _ body: @escaping @Sendable () async throws -> PreviewPage
    ) async throws -> PreviewPage {
        try await withThrowingTaskGroup(of: PreviewPage?.self) { group in
            defer { group.cancelAll() }
            group.addTask { try await body() }
            group.addTask { try await self.waitForDeadline() }
            guard let first = try await group.next(), let page = first else { throw TimeIsUp() }
            return page
        }
    }

    /// Throws ``PreviewRefusal/storeIsAway`` where nobody gets a turn any more.
    private func waitForDeadline() async throws -> PreviewPage? {
        while true {
            let left = deadline - .now
            guard left > .zero else { return nil }
            try await context.loop.sleep(for: min(left, Self.trustInterval))
            guard context.membership.isTrusted else { throw PreviewRefusal.storeIsAway }
        }
    }

    // MARK: One page

    private func attempt(_ page: QueuedPage) async throws -> PreviewPage {
        if let skipped = pages.settlementBeyondDepth(page) { return PreviewPage(settlement: skipped) }
        do {
            let verdict = try await pages.robotsVerdict(on: page)
            if let refused = pages.settlement(of: page, under: verdict) {
                return PreviewPage(settlement: refused, robots: PreviewPage.Robots(verdict, of: pages.spec))
            }
            return try await fetchAndRead(page, verdict)
        } catch let failure as FetchFailure {
            return PreviewPage(settlement: pages.settlement(of: page, failure))
        }
    }

    private func fetchAndRead(_ page: QueuedPage, _ verdict: RobotsVerdict) async throws -> PreviewPage {
        let turn = try await context.fetches.enter(
            seat, origin: page.url.origin, crawlDelay: verdict.crawlDelay ?? .zero)
        defer { context.fetches.leave(turn) }
        asked.insert(page.id)
        let request = request(for: page)
        let response = try await pages.ask(request, in: turn)
        var look = PreviewPage(
            settlement: PageSettlement(page: page, result: .failed(.internalError)),
            robots: PreviewPage.Robots(verdict, of: pages.spec), crawlDelay: verdict.crawlDelay,
            finalURL: response.finalURL, contentType: response.contentType)
        look.bodyIsCut = request.cutsBody && response.body.count >= request.maxBodyBytes
        guard (200...299).contains(response.status), let tool = tools[page.kind] else {
            look.settlement = pages.settlement(of: page, response, nil)
            return look
        }
        var read: Result<PageSettlement.Result, any Error> = .success(.fetched(PageYield()))
        if tool.isRead, !look.bodyIsCut {
            (read, (look.selectors, look.encoding)) = try await context.workers.runUnlessCancelled(
                for: seat.number
            ) {
                let read = Result { try tool.work.read(response) }
                return (read, Self.count(tool.probe, response, read))
            }
        }
        // It is a file all the same.
        if tool.kind.save, case .failure(ExtractionError.notText) = read {
            read = .success(.fetched(PageYield()))
        }
        look.settlement = pages.settlement(of: page, response, read)
        return look
    }

    private static func count(
        _ probe: PreviewProbe, _ response: FetchResponse, _ read: Result<PageSettlement.Result, any Error>
    ) -> ([PreviewSelector], String?) {
        guard case .success(.fetched(let yield)) = read else { return ([], nil) }
        let document = PageDocument(body: response.body, contentType: response.contentType)
        return (try? probe.count(document, keeping: yield.items)) ?? ([], nil)
    }

    /// Of a file a little is enough; what is too long to be read is a file all the same.
    private func request(for page: QueuedPage) -> FetchRequest {
        var request = pages.request(for: page)
        if let tool = tools[page.kind], tool.kind.save {
            if !tool.isRead { request.maxBodyBytes = limits.maxSavedBytes }
            request.cutsBody = true
        }
        request.timeout = min(request.timeout, max(.milliseconds(1), deadline - .now))
        return request
    }
}

extension PreviewPage.Robots {
    init(_ verdict: RobotsVerdict, of spec: JobSpec) {
        switch verdict {
        case .allowed: self = spec.politeness.robots ? .allowed : .notAsked
        case .disallowed: self = .disallowed
        case .unreachable: self = .unreachable
        case .failed: self = .unreachable
        }
    }
}
