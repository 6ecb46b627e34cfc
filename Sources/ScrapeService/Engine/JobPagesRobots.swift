import HTTPCore

/// What robots.txt has to say of a job's pages.
extension JobPages {
    /// Asked before a page waits for anything else: who may not fetch takes no permit and no place at the host.
    /// Throws `CancellationError` only.
    func robotsVerdict(on page: QueuedPage) async throws -> RobotsVerdict {
        guard spec.politeness.robots else { return .allowed(crawlDelay: nil) }
        return try await context.robots.verdict(for: page.url, userAgent: userAgent) { request in
            try await self.fetchRobots(request)
        }
    }

    /// It counts as one of the host's fetches, but as none of the job's: others may wait for the same file, and must
    /// not wait for this job's permits, nor be bound by its time-outs.
    private func fetchRobots(_ request: FetchRequest) async throws -> FetchResponse {
        let turn = try await context.fetches.enter(context.robotsSeat, origin: request.url.origin)
        defer {
            context.fetches.fetched(turn)
            context.fetches.leave(turn)
        }
        try await waitForTrust()
        let response = try await send(request)
        obeyRetryAfter(response)
        return response
    }

    /// Nil: the page may be fetched. One whose robots.txt cannot be had waits for it as it would wait for its own
    /// server, and is skipped in the end: what is not known to be allowed is not fetched.
    func settlement(of page: QueuedPage, under verdict: RobotsVerdict) -> PageSettlement? {
        switch verdict {
        case .allowed: return nil
        case .disallowed: return PageSettlement(page: page, result: .skipped(.robots))
        case .unreachable(let code, let retryAfter):
            let result = failed(page, code, asked: retryAfter)
            if case .retry = result { return PageSettlement(page: page, result: result) }
            return PageSettlement(
                page: page, result: .skipped(.robots), detail: "no robots.txt: \(code.text)")
        case .failed(let failure): return settlement(of: page, failure)
        }
    }
}
