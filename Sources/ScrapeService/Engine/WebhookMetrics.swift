import CoreMetrics

/// What the delivery loop tells its operator, through swift-metrics.
struct WebhookMetrics: Sendable {
    /// What each metric means, for a backend that shows it.
    static let help = [
        Names.attempts:
            "Attempts to deliver a webhook, by result: delivered, retried later, or failed for good.",
        Names.duration: "Time of one attempt to deliver a webhook.",
    ]

    private enum Names {
        static let attempts = "scrape_webhook_attempts_total"
        static let duration = "scrape_webhook_duration_seconds"
    }

    private let delivered: Counter
    private let retried: Counter
    private let failed: Counter
    private let duration: CoreMetrics.Timer

    /// All metrics exist from the start: a rate needs the zero before the one.
    init(factory: any MetricsFactory) {
        func attempts(_ result: String) -> Counter {
            Counter(label: Names.attempts, dimensions: [("result", result)], factory: factory)
        }
        delivered = attempts("delivered")
        retried = attempts("retried")
        failed = attempts("failed")
        duration = CoreMetrics.Timer(label: Names.duration, factory: factory)
    }

    func attempted(_ outcome: DeliveryOutcome) {
        switch outcome.result {
        case .delivered: delivered.increment()
        case .retry: retried.increment()
        case .failed: failed.increment()
        }
        duration.recordSeconds(outcome.seconds)
    }
}
