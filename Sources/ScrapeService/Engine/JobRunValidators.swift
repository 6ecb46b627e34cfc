/// Conditional requests (RFC 9110 §13): asking only for what has changed since an earlier job.
extension JobRun {
    func nextBatch() async throws -> [PageSettlement] {
        var batch = unanswered ?? state.takeBatch()
        // Before the store is asked: it may not answer, and the batch is taken.
        unanswered = batch
        try await recall(&batch)
        unanswered = batch
        return batch
    }

    /// What is read on the loop: a millisecond or two. More goes to a worker.
    private static let maxInlineBytes = 64 << 10

    /// Fills in what unchanged pages of a batch led to. One that has been forgotten meanwhile, its job deleted, is
    /// put back: it is asked for whole.
    private func recall(_ batch: inout [PageSettlement]) async throws {
        let unchanged = batch.indices.filter { batch[$0].isUnrecalled }
        guard !unchanged.isEmpty else { return }
        let pages = unchanged.map { batch[$0].page }
        let read = try await context.store.rememberedLinks(lease, of: pages)
        let isShort = pages.reduce(0) { $0 + $1.rememberedBytes } <= Self.maxInlineBytes
        let links =
            isShort
            ? try read() : try await context.workers.run(for: seat.number) { Result { try read() } }.get()
        for index in unchanged {
            if let links = links[batch[index].page.id] {
                batch[index].result = .fetched(PageYield(isNotModified: true, isRecalled: true, links: links))
            } else {
                batch[index].result = .retry(.http(304), after: .zero)
            }
        }
    }
}

extension PageSettlement {
    /// Of a page that has not changed: the links it led to are still to be asked for.
    var isUnrecalled: Bool {
        guard case .fetched(let yield) = result else { return false }
        return yield.isNotModified && !yield.isRecalled
    }
}

extension QueuedPage {
    /// What to ask along; the fetcher drops it where a redirect leads elsewhere.
    var conditions: [HeaderField] {
        guard let validators = validators?.sendable else { return [] }
        var fields: [HeaderField] = []
        if let etag = validators.etag { fields.append(HeaderField(name: "If-None-Match", value: etag)) }
        if let date = validators.lastModified {
            fields.append(HeaderField(name: "If-Modified-Since", value: date))
        }
        return fields
    }

    /// Whether the answer says what was asked; any other 304 is a failure.
    func isUnchanged(_ response: FetchResponse) -> Bool {
        response.status == 304 && !conditions.isEmpty && response.finalURL == url.text
    }

    /// With what the answer says of the page's state. Not where a redirect led elsewhere: there, it says nothing of
    /// this URL. Nor where the page was not looked at to the end: a later job may look further.
    func remember(_ response: FetchResponse, in result: PageSettlement.Result) -> PageSettlement.Result {
        guard case .fetched(var yield) = result, response.status == 200, response.finalURL == url.text,
            request == nil, yield.fields?.isExhausted != true
        else { return result }
        yield.validators =
            PageValidators(etag: response.etag, lastModified: response.lastModified).sendable
        return .fetched(yield)
    }
}

extension JobSpec {
    func maxBodyBytes(of page: QueuedPage) -> Int {
        self.page(named: page.kind)?.isSitemap == true ? JobLimits.maxSitemapBytes : limits.maxPageBytes
    }
}
