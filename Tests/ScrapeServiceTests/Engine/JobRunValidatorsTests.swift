import Testing

@testable import ScrapeService

@Suite struct JobRunValidatorsTests {
    private func make(change: (inout JobSpec) -> Void = { _ in }) -> JobRunState {
        var spec = JobSpec(name: nil, start: [], pages: [PageKind(name: "page")])
        spec.fetch.conditional = true
        change(&spec)
        return JobRunState(
            lease: JobLease(
                job: .make(), key: 1, shard: 0, epoch: 1, spec: spec, state: .running, elapsed: .zero,
                counters: JobCounters(discovered: 1000)))
    }

    private func page(_ id: Int64, _ validators: PageValidators? = nil, links: Int = 0) -> QueuedPage {
        QueuedPage(
            id: id, kind: "page", url: WebURL(canonical: "http://h/\(id)"), depth: 0, attempt: 0,
            validators: validators, rememberedBytes: links)
    }

    private func answer(_ page: QueuedPage, status: Int = 200, etag: String?, lastModified: String? = nil)
        -> FetchResponse
    {
        FetchResponse(
            status: status, finalURL: page.url.text, body: [], seconds: 0,
            fields: AnswerFields(etag: etag, lastModified: lastModified))
    }

    private func remembered(_ result: PageSettlement.Result) -> PageValidators? {
        guard case .fetched(let yield) = result else { return nil }
        return yield.validators
    }

    @Test(arguments: [(1 << 20, 8), (100, 256), (100 << 20, 1)])
    func aBatchIsBoundedByTheLinksThatItsUnchangedPagesWillBring(bytes: Int, pages: Int) {
        var state = make()
        for id in 0..<300 as Range<Int64> {
            state.arrived(
                PageSettlement(
                    page: page(id, links: bytes), result: .fetched(PageYield(isNotModified: true))))
        }
        let batch = state.takeBatch()
        #expect(batch.count == pages)
        #expect(batch.allSatisfy { $0.isUnrecalled })
        #expect(state.settlements.count == 300 - pages)
    }

    @Test func aPageOfWhichItemsAreDroppedIsNotRemembered() {
        var state = make { $0.limits.maxItems = 3 }
        for id in 1...2 as ClosedRange<Int64> {
            let yield = PageYield(
                validators: PageValidators(etag: "\"1\""),
                items: [ItemData(json: "{}"), ItemData(json: "{}")])
            state.arrived(PageSettlement(page: page(id), result: .fetched(yield)))
        }
        let batch = state.takeBatch()
        #expect(batch.map { remembered($0.result)?.etag } == ["\"1\"", nil])
    }

    @Test(arguments: [
        (FieldWarning.Code.selectorExhausted, false), (.patternExhausted, false), (.typeMismatch, true),
    ])
    func aPageThatWasNotLookedAtToTheEndIsNotRemembered(code: FieldWarning.Code, isRemembered: Bool) {
        var report = FieldReport()
        report.note(code, field: 0)
        let result = page(1).remember(
            answer(page(1), etag: "\"1\""), in: .fetched(PageYield(fields: report)))
        #expect((remembered(result) != nil) == isRemembered)
    }

    private static let unsendable = [
        "", "\"a\u{1}b\"", "\"\u{7f}\"", "a\r\nX-Injected: 1",
        String(repeating: "e", count: 100_000), String(repeating: "e", count: 1025),
    ]

    @Test(arguments: unsendable)
    func whatCannotBeSentBackIsNotRemembered(value: String) {
        let both = page(1).remember(
            answer(page(1), etag: value, lastModified: value), in: .fetched(PageYield()))
        #expect(remembered(both) == nil)
        let one = page(1).remember(
            answer(page(1), etag: value, lastModified: "yesterday"), in: .fetched(PageYield()))
        #expect(remembered(one) == PageValidators(etag: nil, lastModified: "yesterday"))
    }

    @Test(arguments: unsendable)
    func whatCannotBeSentBackIsNotAskedWith(value: String) {
        let both = page(1, PageValidators(etag: value, lastModified: value))
        #expect(both.conditions.isEmpty)
        #expect(!both.isUnchanged(answer(both, status: 304, etag: nil)))
        let one = page(1, PageValidators(etag: "W/\"\u{e9}\"", lastModified: value))
        #expect(one.conditions == [HeaderField(name: "If-None-Match", value: "W/\"\u{e9}\"")])
        #expect(one.isUnchanged(answer(one, status: 304, etag: nil)))
    }
}
