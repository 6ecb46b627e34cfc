import HTTPCore
import Logging

/// What every run of this process shares.
struct EngineContext: Sendable {
    var loop: EventLoop
    var store: any WorkStore
    var files: any FileStore
    var fetcher: any PageFetcher
    var compiler: any PageCompiler
    var urls: any URLParsing
    var fetches: FetchScheduler
    var agreement: HostAgreement
    var robots: RobotsCache
    /// What fetches of robots.txt are counted by, whichever job asks.
    var robotsSeat: JobSeat
    var workers: WorkerPool
    var signals: JobSignals
    var membership: Membership
    /// Sent where the job names none.
    var userAgent: String
    var metrics: EngineMetrics
    var logger: Logger
}
