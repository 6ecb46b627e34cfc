import CoreMetrics

/// What an engine tells its operator, through swift-metrics. Pages and items count when they are committed.
struct EngineMetrics: Sendable {
    /// What each metric means, for a backend that shows it.
    static let help = [
        Names.runningJobs: "Jobs this process works on now.",
        Names.endedJobs: "Jobs ended by this process, by their stop reason.",
        Names.pages: "Pages settled, by result.",
        Names.retries: "Attempts at pages that failed and will be repeated.",
        Names.items: "Items stored.",
        Names.fetches:
            "Time of one fetch, redirects included, by the class of its status; none without an answer.",
        Names.fetchedBytes: "Bytes of fetched bodies, after decompression.",
        Names.inFlight: "Fetches under way.",
    ]

    private enum Names {
        static let runningJobs = "scrape_jobs_running"
        static let endedJobs = "scrape_jobs_ended_total"
        static let pages = "scrape_pages_total"
        static let retries = "scrape_page_retries_total"
        static let items = "scrape_items_total"
        static let fetches = "scrape_fetch_duration_seconds"
        static let fetchedBytes = "scrape_fetched_bytes_total"
        static let inFlight = "scrape_fetches_in_flight"
    }

    private let runningJobs: Meter
    private let endedJobs: [StopReason: Counter]
    private let fetchedPages: Counter
    private let failedPages: Counter
    private let retries: Counter
    private let items: Counter
    /// By the first digit of the status; the first is for fetches without an answer.
    private let fetches: [CoreMetrics.Timer]
    private let fetchedBytes: Counter
    private let inFlight: Meter

    /// All metrics exist from the start: a rate needs the zero before the one.
    init(factory: any MetricsFactory) {
        runningJobs = Meter(label: Names.runningJobs, factory: factory)
        endedJobs = Dictionary(
            uniqueKeysWithValues: StopReason.allCases.map { reason in
                let dimensions = [("reason", reason.rawValue)]
                return (reason, Counter(label: Names.endedJobs, dimensions: dimensions, factory: factory))
            })
        fetchedPages = Counter(label: Names.pages, dimensions: [("result", "fetched")], factory: factory)
        failedPages = Counter(label: Names.pages, dimensions: [("result", "failed")], factory: factory)
        retries = Counter(label: Names.retries, factory: factory)
        items = Counter(label: Names.items, factory: factory)
        fetches = ["none", "1xx", "2xx", "3xx", "4xx", "5xx"].map { status in
            CoreMetrics.Timer(label: Names.fetches, dimensions: [("status", status)], factory: factory)
        }
        fetchedBytes = Counter(label: Names.fetchedBytes, factory: factory)
        inFlight = Meter(label: Names.inFlight, factory: factory)
    }

    func runBegan() { runningJobs.increment() }
    func runEnded() { runningJobs.decrement() }
    func jobEnded(_ reason: StopReason) { endedJobs[reason]?.increment() }

    /// What a settled batch added to a job's counters.
    func settled(from old: JobCounters, to new: JobCounters) {
        fetchedPages.increment(by: new.fetched - old.fetched)
        failedPages.increment(by: new.failed - old.failed)
        retries.increment(by: new.retries - old.retries)
        items.increment(by: new.items - old.items)
    }

    func fetchBegan() { inFlight.increment() }

    /// `status` is nil where no answer came.
    func fetchEnded(status: Int?, seconds: Double, bytes: Int) {
        inFlight.decrement()
        let index = status.map { $0 / 100 } ?? 0
        fetches[fetches.indices.contains(index) ? index : 0].recordSeconds(seconds)
        fetchedBytes.increment(by: bytes)
    }

    /// The fetch was cancelled: it is no figure of the site's.
    func fetchAbandoned() { inFlight.decrement() }
}
