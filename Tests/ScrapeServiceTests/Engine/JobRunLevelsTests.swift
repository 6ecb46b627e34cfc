import Testing

@testable import ScrapeService

/// A shard's decisions against a frontier in memory, on random sites whose pages answer in random order, some of them
/// at the second attempt only.
@Suite struct JobRunLevelsTests {
    /// A crawl of a site that is a graph: page n is `http://h<n % hosts>/<n>` and leads to `links[n]`.
    private struct Crawl {
        let links: [[Int]]
        let hosts: Int
        var state: JobRunState
        var random: SplitMix
        var queue: [Int64: QueuedPage] = [:]
        var seen: Set<Int> = [0]
        var flight: [QueuedPage] = []
        var counters = JobCounters(discovered: 1)
        var nextID: Int64 = 2
        var fetched: [Int: Int] = [:]
        var skipped: Set<Int> = []
        var steps = 0
        var levels = 0

        init(links: [[Int]], hosts: Int, maxDepth: Int?, seed: UInt64) {
            self.links = links
            self.hosts = hosts
            random = SplitMix(state: seed)
            var spec = JobSpec(name: nil, start: [], pages: [PageKind(name: "page")])
            spec.fetch.concurrency = 2
            spec.politeness.perHostConcurrency = 1
            spec.limits.maxDepth = maxDepth
            state = JobRunState(
                lease: JobLease(
                    job: .make(), key: 1, shard: 0, epoch: 1, spec: spec, state: .running, elapsed: .zero,
                    counters: counters))
            queue[1] = Self.page(1, 0, depth: 0, hosts)
        }

        /// Later, when pages that had failed are tried again: `queued` pages and their depths, numbered in no order.
        mutating func resume(_ queued: [(number: Int, depth: Int)], after done: Set<Int>) {
            seen = done.union(queued.map(\.number))
            queue = [:]
            for (number, depth) in queued.shuffled(using: &random) {
                queue[nextID] = Self.page(nextID, number, depth: depth, hosts)
                nextID += 1
            }
            counters = JobCounters(discovered: seen.count, fetched: done.count)
            state = JobRunState(
                lease: JobLease(
                    job: .make(), key: 1, shard: 0, epoch: 2, spec: state.spec, state: .running,
                    elapsed: .zero, counters: counters))
        }

        private static func page(_ id: Int64, _ number: Int, depth: Int, _ hosts: Int) -> QueuedPage {
            QueuedPage(
                id: id, kind: "page", url: WebURL(canonical: "http://h\(number % hosts)/\(number)"),
                depth: depth,
                attempt: 0)
        }

        private func number(of page: QueuedPage) -> Int {
            Int(page.url.text.split(separator: "/").last ?? "") ?? -1
        }

        /// Until the job ends; false where it does not.
        mutating func run() -> Bool {
            while steps < 100_000 {
                steps += 1
                switch state.next(linger: false) {
                case .readLevel:
                    levels += 1
                    let depth = queue.values.map(\.depth).min()
                    let last = queue.values.filter { $0.depth == depth }.map(\.id).max()
                    state.levelRead(depth.map { FrontierLevel(depth: $0, last: last ?? 0) })
                case .readRetries(let limit, let origins): readRetries(limit, origins)
                case .readFrontier(let limit, let origins):
                    let stretch = visible(after: state.window.cursor).prefix(limit)
                    flight += state.frontierRead(
                        FrontierSlice(
                            pages: stretch.filter { !origins.contains($0.url.origin) },
                            scannedTo: stretch.last?.id,
                            isLast: stretch.count < limit))
                case .readOrigin(let origin, let cursor, let limit):
                    let pages = Array(visible(after: cursor).filter { $0.url.origin == origin }.prefix(limit))
                    flight += state.originRead(
                        origin,
                        FrontierSlice(pages: pages, scannedTo: pages.last?.id, isLast: pages.count < limit))
                case .settle: settle()
                case .wait: if !answer() { return false }
                case .reserve: return false
                case .finish(let end): return end.reason == .finished && queue.isEmpty
                }
            }
            return false
        }

        private func visible(after id: Int64) -> [QueuedPage] {
            queue.values.filter { $0.attempt == 0 && $0.id > id }
                .filter { $0.id <= state.level?.last ?? .max && $0.depth <= state.level?.depth ?? .max }
                .sorted { $0.id < $1.id }
        }

        private mutating func readRetries(_ limit: Int, _ origins: [String]) {
            let all = queue.values.filter { $0.attempt > 0 }.sorted { $0.id < $1.id }
            let due = all.filter { !origins.contains($0.url.origin) }.prefix(limit)
            flight += state.retriesRead(RetryWindow(due: Array(due), nextIn: nil, total: all.count))
        }

        /// Some page in flight answers; false: there is none.
        private mutating func answer() -> Bool {
            guard let index = flight.indices.randomElement(using: &random) else {
                guard queue.values.contains(where: { $0.attempt > 0 }) else { return false }
                state.retryTimePassed()
                return true
            }
            let page = flight.remove(at: index)
            if let maxDepth = state.spec.limits.maxDepth, page.depth > maxDepth {
                state.arrived(PageSettlement(page: page, result: .skipped(.maxDepth)))
            } else if page.attempt == 0, Int.random(in: 0..<8, using: &random) == 0 {
                state.arrived(PageSettlement(page: page, result: .retry(.http(500), after: .zero)))
            } else {
                state.arrived(PageSettlement(page: page, result: .fetched(PageYield())))
            }
            return true
        }

        private mutating func settle() {
            let batch = state.takeBatch()
            let first = nextID
            for settlement in batch {
                let page = settlement.page
                switch settlement.result {
                case .retry:
                    queue[page.id]?.attempt += 1
                    counters.retries += 1
                case .skipped:
                    queue[page.id] = nil
                    counters.skipped += 1
                    skipped.insert(number(of: page))
                default:
                    queue[page.id] = nil
                    counters.fetched += 1
                    fetched[number(of: page)] = page.depth
                    discover(links[number(of: page)], depth: page.depth + 1)
                }
            }
            state.settled(
                batch, SettleOutcome(leaseHeld: true, counters: counters, state: .running, firstLink: first))
            if batch.contains(where: { if case .retry = $0.result { true } else { false } }) {
                state.retryTimePassed()
            }
        }

        private mutating func discover(_ numbers: [Int], depth: Int) {
            for number in numbers where seen.insert(number).inserted {
                queue[nextID] = Self.page(nextID, number, depth: depth, hosts)
                nextID += 1
                counters.discovered += 1
            }
        }
    }

    private static func site(_ count: Int, _ random: inout SplitMix) -> [[Int]] {
        (0..<count).map { _ in
            (0..<Int.random(in: 0...4, using: &random)).map { _ in Int.random(in: 0..<count, using: &random) }
        }
    }

    /// The fewest links from page 0 to every page that can be reached.
    private static func depths(_ links: [[Int]]) -> [Int: Int] {
        var depths = [0: 0]
        var queue = [0]
        while !queue.isEmpty {
            let number = queue.removeFirst()
            for next in links[number] where depths[next] == nil {
                depths[next] = (depths[number] ?? 0) + 1
                queue.append(next)
            }
        }
        return depths
    }

    @Test(arguments: 0..<60)
    func depthIsTheFewestLinksWhateverAnswersFirst(seed: UInt64) {
        var random = SplitMix(state: seed &* 0x9e37_79b9)
        let links = Self.site(Int.random(in: 2...400, using: &random), &random)
        let maxDepth = Int.random(in: 0...12, using: &random)
        var crawl = Crawl(
            links: links, hosts: Int.random(in: 1...40, using: &random), maxDepth: maxDepth, seed: seed)
        let ends = crawl.run()
        #expect(ends)
        let depths = Self.depths(links)
        #expect(crawl.fetched == depths.filter { $0.value <= maxDepth })
        #expect(crawl.skipped == Set(depths.filter { $0.value == maxDepth + 1 }.keys))
        #expect(crawl.levels == Set(depths.values.filter { $0 <= maxDepth + 1 }).count)
    }

    @Test(arguments: 0..<40)
    func numbersNeedNotBeInTheOrderOfDepth(seed: UInt64) {
        var random = SplitMix(state: seed &* 0x51_7cc1)
        let links = Self.site(300, &random)
        let depths = Self.depths(links)
        let maxDepth = (depths.values.max() ?? 0) + 1
        var crawl = Crawl(links: links, hosts: 7, maxDepth: maxDepth, seed: seed)
        // The start page was fetched, and some of those that it leads to failed, as did others far below.
        let failed = depths.filter { $0.value == 1 || $0.value == 3 && $0.key % 2 == 0 }
        crawl.resume(failed.map { ($0.key, $0.value) }, after: [0])
        let ends = crawl.run()
        #expect(ends)
        #expect(crawl.fetched == depths.filter { $0.key != 0 })
    }

    @Test func aRetryThatWaitsLongHoldsUpDeeperPagesOnly() {
        var spec = JobSpec(name: nil, start: [], pages: [PageKind(name: "page")])
        spec.limits.maxDepth = 5
        var state = JobRunState(
            lease: JobLease(
                job: .make(), key: 1, shard: 0, epoch: 2, spec: spec, state: .running, elapsed: .zero,
                counters: JobCounters(discovered: 3)))
        #expect(state.next(linger: false) == .readLevel)
        state.levelRead(FrontierLevel(depth: 2, last: 9))
        #expect(state.next(linger: false) == .readRetries(limit: 256, passingOver: []))
        _ = state.retriesRead(RetryWindow(due: [], nextIn: .seconds(3600), total: 1))
        guard case .readFrontier = state.next(linger: false) else {
            Issue.record("the others of the level wait for the retry")
            return
        }
        _ = state.frontierRead(FrontierSlice(pages: [], scannedTo: nil, isLast: true))
        // Deeper ones do.
        #expect(state.next(linger: false) == .wait)
        #expect(state.level?.depth == 2)
    }

    @Test(arguments: 0..<20)
    func withoutALimitNothingWaitsForALevel(seed: UInt64) {
        var random = SplitMix(state: seed &+ 77)
        let links = Self.site(300, &random)
        var crawl = Crawl(links: links, hosts: 20, maxDepth: nil, seed: seed)
        let ends = crawl.run()
        #expect(ends)
        #expect(Set(crawl.fetched.keys) == Set(Self.depths(links).keys))
        #expect(crawl.state.level == nil)
    }
}
