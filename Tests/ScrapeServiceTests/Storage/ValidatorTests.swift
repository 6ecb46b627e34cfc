import HTTPCore
import Testing

@testable import ScrapeService

@Suite(.timeLimit(.minutes(2))) struct ValidatorTests {
    private static let validators = PageValidators(etag: "W/\"1\"", lastModified: nil)

    /// Accepts a job that asks for what has changed, and claims it.
    private func lease(
        _ fixture: StoreFixture, owner: String = "alice", change: (inout JobSpec) -> Void = { _ in }
    ) async throws -> JobLease {
        var job = StoreFixture.makeJob(urls: ["http://site.test/1", "http://site.test/2"], owner: owner)
        job.spec.fetch.conditional = true
        change(&job.spec)
        _ = try await fixture.store.accept(job)
        return try #require(try await fixture.store.claim(for: fixture.makeReplica(), holding: []))
    }

    private func pages(_ fixture: StoreFixture, _ lease: JobLease) async throws -> [QueuedPage] {
        try await fixture.store.frontier(lease, after: 0, limit: 10, passingOver: []).pages
    }

    /// Settles every page of the job with what is to be remembered, and ends it.
    private func fetchAll(_ fixture: StoreFixture, _ lease: JobLease, links: [String] = []) async throws {
        let batch = try await pages(fixture, lease).map { page in
            var settlement = PageSettlement.fetched(page, links: links)
            if case .fetched(var yield) = settlement.result {
                yield.validators = Self.validators
                settlement.result = .fetched(yield)
            }
            return settlement
        }
        _ = try await fixture.store.settle(lease, batch, gauges: JobGauges())
        _ = try await fixture.store.decide(lease, JobEnd(reason: .cancelled))
        while try await fixture.store.skipRest(lease, .cancelled) == true {}
        _ = try await fixture.store.close(lease)
    }

    @Test func aLaterJobOfTheOwnerKnowsWhatItsPagesSaid() async throws {
        try await StoreFixture.with { fixture in
            let first = try await lease(fixture)
            #expect(try await pages(fixture, first).map(\.validators) == [nil, nil])
            try await fetchAll(fixture, first, links: ["http://site.test/3", "http://site.test/4"])
            let second = try await lease(fixture)
            let known = try await pages(fixture, second)
            #expect(known.map(\.validators) == [Self.validators, Self.validators])
            let links = try await fixture.store.rememberedLinks(second, of: known)()
            #expect(Set(links.keys) == Set(known.map(\.id)))
            #expect(links[known[0].id]?.map(\.url.text) == ["http://site.test/3", "http://site.test/4"])
            #expect(links[known[0].id]?.map(\.kind) == ["advert", "advert"])
        }
    }

    @Test func othersDoNot() async throws {
        try await StoreFixture.with { fixture in
            try await fetchAll(fixture, lease(fixture))
            let changes: [(String, (inout JobSpec) -> Void)] = [
                ("bob", { _ in }), ("alice", { $0.fetch.conditional = false }),
                ("alice", { $0.fetch.headers = [HeaderField(name: "Accept-Language", value: "nl")] }),
                ("alice", { $0.fetch.userAgent = "other" }),
                (
                    "alice",
                    {
                        $0.pages[0].follow = [
                            FollowRule(links: Selector(language: .css, source: "a"), kind: "listing")
                        ]
                    }
                ),
            ]
            for (owner, change) in changes {
                let other = try await lease(fixture, owner: owner, change: change)
                #expect(try await pages(fixture, other).map(\.validators) == [nil, nil])
                _ = try await fixture.store.close(other)
            }
        }
    }

    @Test func aPageOfAnotherRequestIsNotRemembered() {
        var spec = StoreFixture.makeJob().spec
        spec.fetch.conditional = true
        let hash = ValidatorHash(spec)
        var page = QueuedPage(
            id: 1, kind: "listing", url: WebURL(canonical: "http://h/"), depth: 0, attempt: 0)
        #expect(hash.hash(of: page) != nil)
        page.request = PageRequest(method: "POST")
        #expect(hash.hash(of: page) == nil)
    }

    @Test func sendingABatchTwiceRemembersOnceAndANewerAnswerWins() async throws {
        try await StoreFixture.with { fixture in
            let first = try await lease(fixture)
            try await fetchAll(fixture, first)
            #expect(try await fixture.number("select count(*) from validator") == 2)
            let second = try await lease(fixture)
            try await fetchAll(fixture, second)
            #expect(try await fixture.number("select count(*) from validator") == 2)
            #expect(
                try await fixture.number("select count(*) from validator where job = $1", [.int(second.key)])
                    == 2)
        }
    }

    @Test func whatIsKnownGoesWithTheJob() async throws {
        try await StoreFixture.with { fixture in
            let first = try await lease(fixture)
            try await fetchAll(fixture, first)
            let second = try await lease(fixture)
            let known = try await pages(fixture, second)
            #expect(try await fixture.store.delete(first.job, owner: "alice") == .deleted)
            #expect(try await fixture.number("select count(*) from validator") == 0)
            #expect(try await fixture.store.rememberedLinks(second, of: known)().isEmpty)
            #expect(try await pages(fixture, second).map(\.validators) == [nil, nil])
        }
    }

    @Test func whatIsKnownGoesWhenTheJobsTimeIsOver() async throws {
        try await StoreFixture.with { fixture in
            try await fetchAll(fixture, lease(fixture))
            _ = try await fixture.store.pool.query(
                "update job set deleted_at = clock_timestamp(), expired_at = clock_timestamp()")
            let second = try await lease(fixture)
            #expect(try await pages(fixture, second).map(\.validators) == [nil, nil])
            try await fixture.store.eraseValidators(of: nil)
            #expect(try await fixture.number("select count(*) from validator") == 0)
        }
    }

    /// What another job has told of the page since may be more than there is room for.
    @Test func linksThatHaveGrownAreForgotten() async throws {
        try await StoreFixture.with { fixture in
            try await fetchAll(fixture, lease(fixture), links: ["http://site.test/3"])
            let second = try await lease(fixture)
            let known = try await pages(fixture, second)
            #expect(known.map(\.rememberedBytes) == [33, 33])
            _ = try await fixture.store.pool.query("update validator set link_bytes = 34")
            #expect(try await fixture.store.rememberedLinks(second, of: known)().isEmpty)
        }
    }

    /// A deletion that waited for one row while it holds others would be half of a deadlock.
    @Test func aDeletionPassesOverRowsThatAreBeingWritten() async throws {
        try await StoreFixture.with { fixture in
            let first = try await lease(fixture)
            try await fetchAll(fixture, first)
            let second = try await lease(fixture)
            let store = fixture.store
            let reference = try #require(try await store.reference(of: first.job))
            try await store.pool.withConnection { writer in
                try await writer.begin()
                _ = try await writer.query(
                    "update validator set job = $1 where hash = (select min(hash::text)::uuid from validator)",
                    [.int(second.key)])
                let erased = try await store.pool.query(
                    "select o_erased::integer, o_left from erase_validators($1, 10)", [.int(first.key)])
                var row = try #require(erased.first)
                let (count, isMore) = (try row.next(Int.self), try row.next(Bool.self))
                #expect(count == 1 && isMore)
                async let rest: Void = store.eraseValidators(of: reference)
                // Time to look at the row that is held, some times.
                try await TestPostgres.loop.sleep(for: .milliseconds(200))
                _ = try await writer.query("commit")
                try await rest
            }
            #expect(
                try await fixture.number("select count(*) from validator where job = $1", [.int(second.key)])
                    == 1)
            #expect(try await fixture.number("select count(*) from validator") == 1)
        }
    }
}
