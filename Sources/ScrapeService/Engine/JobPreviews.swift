import HTTPCore
import Synchronization

/// Why a preview was not begun.
enum PreviewRefusal: Error, Sendable {
    /// As many as this process does at once.
    case busy
    /// As many as one owner may have at once.
    case ownerIsBusy
    /// Hosts are shared through the store, and it does not answer: who may fetch what now is not known.
    case storeIsAway
}

/// The previews of this process: a bounded number, for each keeps pages in memory and a client waiting.
final class JobPreviews: Sendable {
    struct Limits: Sendable {
        /// With ``JobPreview/Limits/maxConcurrency`` pages each, as many pages as a small job has in flight.
        var maxAtOnce = 8
        /// Half of them: nobody keeps the others from theirs.
        var maxPerOwner = 4
        /// For the store to be heard of: a service that has just begun is ready a moment before that.
        var patience = Duration.seconds(2)
        var preview = JobPreview.Limits()
    }

    private static let pause = Duration.milliseconds(50)

    private let context: EngineContext
    private let limits: Limits
    /// By owner, those under way.
    private let running = Mutex<[String: Int]>([:])

    init(_ context: EngineContext, limits: Limits = Limits()) {
        self.context = context
        self.limits = limits
    }

    /// Throws ``PreviewRefusal``, or `CancellationError` where the task is cancelled: its fetches are cut off then.
    @Sendable func preview(_ spec: JobSpec, _ owner: String) async throws -> PreviewReport {
        try begin(owner)
        defer { end(owner) }
        try await waitForStore()
        return try await JobPreview(spec, context, limits: limits.preview).run()
    }

    private func waitForStore() async throws {
        let deadline = ContinuousClock.now + limits.patience
        while !context.membership.isTrusted {
            guard .now < deadline else { throw PreviewRefusal.storeIsAway }
            try await context.loop.sleep(for: Self.pause)
        }
    }

    private func begin(_ owner: String) throws(PreviewRefusal) {
        let refusal = running.withLock { running -> PreviewRefusal? in
            if running.values.reduce(0, +) >= limits.maxAtOnce { return .busy }
            if running[owner, default: 0] >= limits.maxPerOwner { return .ownerIsBusy }
            running[owner, default: 0] += 1
            return nil
        }
        if let refusal { throw refusal }
    }

    private func end(_ owner: String) {
        running.withLock { running in
            running[owner, default: 1] -= 1
            if running[owner] == 0 { running[owner] = nil }
        }
    }
}
