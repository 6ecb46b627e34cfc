import HTTPCore
import Logging

/// One page of a run: fetched, read, judged.
extension JobRun {
    func process(_ page: QueuedPage) async {
        defer { running -= 1 }
        do {
            let settlement = try await attempt(page)
            if firstUnsettled == nil { firstUnsettled = .now }
            state.arrived(settlement)
        } catch is CancellationError {
            state.abandoned(page)
        } catch {
            // Nobody waits for this task: what nobody expected is told here, or nowhere.
            state.arrived(broken(page, "\(error)"))
        }
        signal.notify()
    }

    private func broken(_ page: QueuedPage, _ cause: String) -> PageSettlement {
        logger.error("a page broke", metadata: ["url": "\(page.url.text)", "cause": "\(cause)"])
        return PageSettlement(page: page, result: .failed(.internalError), detail: "the service failed")
    }

    /// Throws `CancellationError` only.
    private func attempt(_ page: QueuedPage) async throws -> PageSettlement {
        if let skipped = pages.settlementBeyondDepth(page) { return skipped }
        guard let work = work[page.kind] else {
            return broken(page, "no such page kind: \(page.kind)")
        }
        do {
            let robots = try await pages.robotsVerdict(on: page)
            if let refused = pages.settlement(of: page, under: robots) { return refused }
            let (response, result) =
                work.kind.save
                ? try await fetchAndSave(page, work, crawlDelay: robots.crawlDelay)
                : try await fetchAndRead(page, work, crawlDelay: robots.crawlDelay)
            return pages.settlement(of: page, response, result)
        } catch let failure as FetchFailure {
            return pages.settlement(of: page, failure)
        }
    }

    /// Holds one of the job's permits until the body is read, and a place at the host until it has arrived. A run that
    /// ends does not wait for bodies that no worker has begun to read: their pages stay in the frontier.
    private func fetchAndRead(
        _ page: QueuedPage, _ work: PageWork, crawlDelay: Duration?
    ) async throws -> (FetchResponse, Result<PageSettlement.Result, any Error>?) {
        let turn = try await context.fetches.enter(
            seat, origin: page.url.origin, crawlDelay: crawlDelay ?? .zero)
        defer { context.fetches.leave(turn) }
        inFlight += 1
        defer { inFlight -= 1 }
        let response = try await pages.ask(pages.request(for: page), in: turn)
        guard (200...299).contains(response.status) else { return (response, nil) }
        let read = try await context.workers.runUnlessCancelled(for: seat.number) {
            Result { try work.read(response) }
        }
        return (response, read)
    }
}

/// What a run and a preview do alike.
extension JobPages {
    private static let trustPause = Duration.milliseconds(100)

    /// Nil: the page is not too far from a start page.
    func settlementBeyondDepth(_ page: QueuedPage) -> PageSettlement? {
        guard let maxDepth = spec.limits.maxDepth, page.depth > maxDepth else { return nil }
        return PageSettlement(page: page, result: .skipped(.maxDepth))
    }

    /// Sends the request of a page that has its turn, and gives the place at the host back.
    func ask(_ request: FetchRequest, in turn: FetchScheduler.Turn) async throws -> FetchResponse {
        // The host's wish comes first: the place must not go to a page that does not know it.
        defer { context.fetches.fetched(turn) }
        try await waitForTrust()
        let response = try await send(request)
        obeyRetryAfter(response)
        return response
    }

    /// 429 and 503 speak for the host (RFC 9110 §10.2.3): the one that answered, after redirects.
    func obeyRetryAfter(_ response: FetchResponse) {
        guard response.status == 429 || response.status == 503,
            let asked = RetryPolicy.retryAfter(response.retryAfter)
        else { return }
        context.fetches.hold(WebURL(canonical: response.finalURL).origin, for: asked)
    }

    /// A replica that was frozen sends nothing before it knows that it is still alive.
    func waitForTrust() async throws {
        while !context.membership.isTrusted { try await context.loop.sleep(for: Self.trustPause) }
    }

    func send(_ request: FetchRequest) async throws -> FetchResponse {
        let metrics = context.metrics
        metrics.fetchBegan()
        do {
            let response = try await context.fetcher.fetch(request)
            metrics.fetchEnded(
                status: response.status, seconds: response.seconds,
                bytes: response.body.count + response.streamedBytes)
            return response
        } catch {
            if let failure = error as? FetchFailure {
                metrics.fetchEnded(status: nil, seconds: failure.seconds, bytes: 0)
            } else {
                metrics.fetchAbandoned()
            }
            throw error
        }
    }

    func request(for page: QueuedPage) -> FetchRequest {
        let policy = spec.fetch
        return FetchRequest(
            url: page.url,
            method: page.request?.method,
            body: page.request?.body.map { Array($0.utf8) },
            timeout: .seconds(policy.timeoutSeconds),
            connectTimeout: .seconds(policy.connectTimeoutSeconds),
            maxRedirects: policy.redirects,
            maxBodyBytes: spec.maxBodyBytes(of: page),
            userAgent: userAgent,
            headers: headers.fields(for: page) + page.conditions,
            wantsFields: policy.conditional)
    }

    func settlement(of page: QueuedPage, _ failure: FetchFailure) -> PageSettlement {
        var settlement = PageSettlement(page: page, result: failed(page, failure.code))
        settlement.seconds = failure.seconds
        settlement.detail = failure.detail
        return settlement
    }

    /// `read`: nil where the status is no success.
    func settlement(
        of page: QueuedPage, _ response: FetchResponse, _ read: Result<PageSettlement.Result, any Error>?
    ) -> PageSettlement {
        var settlement = PageSettlement(page: page, result: .failed(.internalError))
        settlement.httpStatus = response.status
        settlement.bytes = response.body.count + response.streamedBytes
        settlement.seconds = response.seconds
        switch read {
        case nil where page.isUnchanged(response):
            settlement.result = .fetched(PageYield(isNotModified: true))
        case nil:
            let asked = RetryPolicy.retryAfter(response.retryAfter)
            settlement.result = failed(page, .http(response.status), asked: asked)
        case .success(let result):
            settlement.result = spec.fetch.conditional ? page.remember(response, in: result) : result
        case .failure(ExtractionError.notText):
            settlement.result = .failed(.notText)
        case .failure(ExtractionError.notJSON(let detail)):
            settlement.result = .failed(.notJSON)
            settlement.detail = detail
        case .failure(ExtractionError.notSitemap(let detail)):
            settlement.result = .failed(.notSitemap)
            settlement.detail = detail
        case .failure(ExtractionError.tooLarge(let detail)):
            settlement.result = .failed(.tooLarge)
            settlement.detail = detail
        case .failure(let error):
            logger.error("extraction failed", metadata: ["url": "\(page.url.text)", "cause": "\(error)"])
            settlement.detail = "extraction failed"
        }
        return settlement
    }

    func failed(_ page: QueuedPage, _ code: FailureCode, asked: Duration? = nil)
        -> PageSettlement.Result
    {
        guard code.isTransient, page.attempt < spec.fetch.retries else { return .failed(code) }
        let backoff = RetryPolicy.backoff(attempt: page.attempt, random: .random(in: 0...1))
        return .retry(code, after: max(asked ?? .zero, backoff))
    }
}
