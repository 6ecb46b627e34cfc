import Foundation
import HTTPCore
import Logging

/// What the delivery of webhooks needs.
struct WebhookContext: Sendable {
    var loop: EventLoop
    var store: any WebhookStore
    var fetcher: any PageFetcher
    var signals: JobSignals
    var userAgent: String
    var metrics: WebhookMetrics
    var logger: Logger
    /// What is sent, made anew for each attempt; nil: the job is deleted.
    var body: @Sendable (ClaimedDelivery) async throws -> [UInt8]?
}

/// Delivers webhooks from the store's outbox, whichever process wrote them: each at least once.
///
/// Apart from the runs of jobs: no job waits for a receiver, and no receiver for another one.
actor WebhookDelivery {
    struct Limits: Sendable {
        /// Attempts under way in this process: each is a connection and a small body.
        var maxInFlight = 64
        /// Of them to one scheme, host and port: sixteen slow receivers do not yet keep the others waiting.
        var maxPerReceiver = 4
        /// From the dial to the end of the answer. A receiver takes a delivery and works on it afterwards.
        var timeout = Duration.seconds(10)
        var connectTimeout = Duration.seconds(5)
        /// Others may try when this has passed, as after a `kill -9`. Longer than the time-out and the store's
        /// answers around it, or a slow receiver would get everything twice.
        var claim = Duration.seconds(20)
        /// Of the answer; what it says beyond its status is not read.
        var maxAnswerBytes = 64 << 10
        /// How often the store is asked for what no signal told of.
        var pollInterval = Duration.seconds(1)
        /// Pause before the store is asked again to write what came of an attempt.
        var storePause = Duration.milliseconds(500)
        var policy = WebhookPolicy()
    }

    private let context: WebhookContext
    private let limits: Limits
    private let wake: Signal
    private var active: [String: Int] = [:]
    private var attempts: [Int64: Task<Void, Never>] = [:]
    private var nextAttempt: Int64 = 0
    private var task: Task<Void, Never>?
    private var stopping = false

    nonisolated var unownedExecutor: UnownedSerialExecutor { context.loop.asUnownedSerialExecutor() }

    init(_ context: WebhookContext, limits: Limits = Limits()) {
        self.context = context
        self.limits = limits
        wake = Signal(loop: context.loop)
    }

    /// Begins to deliver. Does not wait for the store: it may come later.
    func start() {
        guard task == nil, !stopping else { return }
        context.signals.subscribe(wake)
        task = Task.detached { await self.deliver() }
    }

    /// Breaks off what is under way, for others to deliver. Twice, or before `start`, is fine.
    func stop() async {
        stopping = true
        context.signals.unsubscribe(wake)
        task?.cancel()
        wake.notify()
        await task?.value
        let running = attempts.values
        for attempt in running { attempt.cancel() }
        for attempt in running { await attempt.value }
    }

    private func deliver() async {
        while !stopping {
            // As many as were asked for: there may be more.
            if await claim() == false {
                await wake.wait(atMost: limits.pollInterval * .random(in: 0.75...1.25))
            }
        }
    }

    /// Whether another claim may find more at once.
    private func claim() async -> Bool {
        let free = limits.maxInFlight - attempts.count
        guard free > 0 else { return false }
        let deadline = ContinuousClock.now + limits.claim
        do {
            let claimed = try await context.store.claimDeliveries(
                limit: free, perReceiver: limits.maxPerReceiver, active: active, for: limits.claim)
            for delivery in claimed { begin(delivery, until: deadline) }
            return claimed.count == free
        } catch {
            if !stopping { context.logger.warning("no deliveries", metadata: ["cause": "\(error)"]) }
            return false
        }
    }

    private func begin(_ delivery: ClaimedDelivery, until deadline: ContinuousClock.Instant) {
        nextAttempt += 1
        let number = nextAttempt
        active[delivery.url.origin, default: 0] += 1
        attempts[number] = Task.detached {
            await self.attempt(delivery, until: deadline)
            await self.ended(number, delivery.url.origin)
        }
    }

    private func ended(_ number: Int64, _ receiver: String) {
        attempts[number] = nil
        let left = (active[receiver] ?? 1) - 1
        active[receiver] = left > 0 ? left : nil
        // More of the same receiver may wait for the place.
        wake.notify()
    }

    private func attempt(_ delivery: ClaimedDelivery, until deadline: ContinuousClock.Instant) async {
        do {
            guard !stopping else { throw CancellationError() }
            guard let body = try await context.body(delivery) else { return }
            let outcome = try await send(body, delivery)
            context.metrics.attempted(outcome)
            log(outcome, delivery)
            try await settle(delivery, outcome, until: deadline)
        } catch {
            if !(error is CancellationError) {
                logger(delivery).warning("a webhook waits", metadata: ["cause": "\(error)"])
            }
            await release(delivery)
        }
    }

    /// Throws `CancellationError` only.
    private func send(_ body: [UInt8], _ delivery: ClaimedDelivery) async throws -> DeliveryOutcome {
        var status: Int?
        var error: FailureCode?
        var asked: Duration?
        var seconds = 0.0
        do {
            let response = try await context.fetcher.fetch(request(body, delivery))
            status = response.status
            if !(200...299).contains(response.status) { error = .http(response.status) }
            asked = RetryPolicy.retryAfter(response.retryAfter)
            seconds = response.seconds
        } catch let failure as FetchFailure {
            error = failure.code
            seconds = failure.seconds
        }
        let result = limits.policy.result(
            ofRound: delivery.round, status: status, error: error, asked: asked, random: .random(in: 0...1))
        return DeliveryOutcome(result: result, httpStatus: status, error: error, seconds: seconds)
    }

    private func request(_ body: [UInt8], _ delivery: ClaimedDelivery) -> FetchRequest {
        var headers = [
            HeaderField(name: "Content-Type", value: "application/json"),
            HeaderField(name: "X-Delivery-Id", value: delivery.id.uuidString.lowercased()),
            HeaderField(name: "X-Event", value: delivery.event.rawValue),
        ]
        if let secret = delivery.secret {
            let signature = WebhookSignature.field(body, secret: secret, at: Date())
            headers.append(HeaderField(name: "X-Signature", value: signature))
        }
        // A redirect is no delivery: the receiver is the one the job named.
        return FetchRequest(
            url: delivery.url, body: body, timeout: limits.timeout, connectTimeout: limits.connectTimeout,
            maxRedirects: 0, maxBodyBytes: limits.maxAnswerBytes, cutsBody: true,
            userAgent: context.userAgent, headers: headers)
    }

    /// Tried again as long as the claim holds: afterwards the receiver is told once more by whoever claims next.
    private func settle(
        _ delivery: ClaimedDelivery, _ outcome: DeliveryOutcome, until deadline: ContinuousClock.Instant
    ) async throws {
        let store = context.store
        while true {
            do {
                // A task of its own: whoever breaks the attempt off wants its outcome written all the same.
                return try await Task { try await store.settle(delivery, outcome) }.value
            } catch {
                guard !stopping, ContinuousClock.now + limits.storePause < deadline else { throw error }
                try await context.loop.sleep(for: limits.storePause)
            }
        }
    }

    private func release(_ delivery: ClaimedDelivery) async {
        let store = context.store
        do {
            try await Task { try await store.release(delivery) }.value
        } catch {
            logger(delivery).warning("a delivery's claim is left to end", metadata: ["cause": "\(error)"])
        }
    }

    private func log(_ outcome: DeliveryOutcome, _ delivery: ClaimedDelivery) {
        guard outcome.result == .failed else { return }
        logger(delivery).notice(
            "a webhook was not delivered", metadata: ["error": "\(outcome.error?.text ?? "")"])
    }

    /// Names no URL: it may hold what authorises.
    private func logger(_ delivery: ClaimedDelivery) -> Logger {
        var logger = context.logger
        logger[metadataKey: "job_id"] = "\(delivery.job)"
        logger[metadataKey: "delivery_id"] = "\(delivery.id.uuidString.lowercased())"
        logger[metadataKey: "event"] = "\(delivery.event.rawValue)"
        return logger
    }
}
