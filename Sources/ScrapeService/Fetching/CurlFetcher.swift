import Glibc
import HTTPCore

/// Fetches pages with libcurl on an event loop: any number at once, connections reused, HTTP/2 where TLS offers it.
///
/// Redirects are followed here, one transfer each. Before each of them the host is looked up, every address of it is
/// judged by the egress rule, and libcurl is handed those addresses to dial: it looks nothing up by itself.
/// No cookies, no `.netrc`, no proxy. Credentials are sent to the origin they were given for only.
actor CurlFetcher: PageFetcher {
    private let loop: EventLoop
    private let settings: CurlSettings
    private let multi: CurlMulti
    private let resolver: HostResolver
    private let urls = CurlURLs()

    nonisolated var unownedExecutor: UnownedSerialExecutor { loop.asUnownedSerialExecutor() }

    /// libcurl could not be set up.
    struct Unavailable: Error {}

    /// What a fetch has used of its limits, over all its redirects.
    private struct Spent {
        let began = ContinuousClock.now
        var headerBytes = 0
        /// The last transfer was not all there was: a name was waited for, or a redirect was followed.
        var isMoreThanATransfer = false

        var seconds: Double { (ContinuousClock.now - began) / .seconds(1) }
    }

    /// `loop` outlives the fetcher; ``stop()`` it before letting go.
    init(loop: EventLoop, configuration: FetchConfiguration = FetchConfiguration()) throws(Unavailable) {
        guard let multi = CurlMulti(loop: loop, settings: configuration.curl) else { throw Unavailable() }
        self.loop = loop
        self.multi = multi
        settings = configuration.curl
        resolver = HostResolver(loop: loop, egress: configuration.egress, settings: configuration.names)
    }

    /// Ends every fetch as cancelled and closes every connection. Twice is fine; fetches after it are cancelled.
    func stop() {
        resolver.close()
        multi.close()
    }

    func fetch(_ request: FetchRequest) async throws -> FetchResponse {
        try RequestFields.check(request)
        let ticket = multi.nextTicket()
        return try await withTaskCancellationHandler {
            try await follow(request, ticket)
        } onCancel: {
            loop.execute { self.assumeIsolated { $0.cancel(ticket) } }
        }
    }

    /// A fetch waits for a name or for an answer, never for both.
    private func cancel(_ ticket: UInt64) {
        resolver.cancel(ticket)
        multi.cancel(ticket)
    }

    private func follow(_ request: FetchRequest, _ ticket: UInt64) async throws -> FetchResponse {
        var chain = RedirectChain(request)
        var spent = Spent()
        do {
            while true {
                let answer = try await hop(chain, request, ticket, &spent)
                guard try chain.follow(answer, urls) else {
                    let seconds = spent.isMoreThanATransfer ? spent.seconds : answer.seconds
                    return FetchResponse(answer, finalURL: chain.url, seconds: seconds)
                }
                spent.headerBytes += answer.headerBytes
                spent.isMoreThanATransfer = true
            }
        } catch var failure as FetchFailure {
            // The sink's: it knows no time.
            failure.seconds = spent.seconds
            throw failure
        } catch let failure as CurlFailure {
            if failure.cause == .cancelled { throw CancellationError() }
            var found = FetchFailure(failure.cause, request, seconds: spent.seconds)
            found.wasRedirected = chain.redirects > 0
            throw found
        }
    }

    /// One request and its answer.
    private func hop(
        _ chain: RedirectChain, _ request: FetchRequest, _ ticket: UInt64, _ spent: inout Spent
    ) async throws -> CurlAnswer {
        guard let host = URLHost(chain.url) else { throw CurlFailure(cause: .schemeRefused) }
        let began = spent.isMoreThanATransfer ? .now : spent.began
        let end = spent.began + request.timeout
        let connectEnd = began + request.connectTimeout
        var now = began
        let route: CurlRoute
        if let known = resolver.verdict(on: host, at: began) {
            route = try known.route
        } else {
            route = try await verdict(
                on: host, ticket, until: min(connectEnd, end),
                timeoutCause: connectEnd < end ? .connectTimeout : .timeout
            ).route
            now = .now
            spent.isMoreThanATransfer = true
        }
        guard now < end else { throw CurlFailure(cause: .timeout) }
        let curlRequest = CurlRequest(
            chain, request, timeout: end - now, connectTimeout: connectEnd - now,
            maxHeaderBytes: settings.maxHeaderBytes - spent.headerBytes)
        if let streaming = request.streaming {
            return try await stream(curlRequest, route, ticket, chain, to: streaming.sink)
        }
        return try await withCheckedThrowingContinuation { continuation in
            // Cancelled before it began: the handler found nothing to cancel.
            if Task.isCancelled {
                continuation.resume(throwing: CancellationError())
            } else {
                multi.start(curlRequest, route, ticket: ticket) { continuation.resume(with: $0) }
            }
        }
    }

    /// The same with a body that goes to `sink` where the answer is a 2xx. The transfer is over when this returns.
    private func stream(
        _ request: CurlRequest, _ route: CurlRoute, _ ticket: UInt64, _ chain: RedirectChain,
        to sink: any BodySink
    ) async throws -> CurlAnswer {
        if Task.isCancelled { throw CancellationError() }
        let stream = CurlBodyStream()
        var request = request
        request.stream = stream
        multi.start(request, route, ticket: ticket) { stream.end($0) }
        // What the sink throws ends the transfer; one that is over is none.
        defer { multi.cancel(ticket) }
        var streamedBytes = 0
        while true {
            switch await stream.next() {
            case .bytes(let bytes, let mustResume):
                if streamedBytes == 0 {
                    guard let head = multi.head(of: ticket) ?? stream.head else { continue }
                    try await sink.begin(FetchResponse(head, finalURL: chain.url, seconds: head.seconds))
                }
                if mustResume { multi.resume(ticket) }
                streamedBytes += bytes.count
                try await sink.write(bytes)
            case .end(let outcome):
                var answer = try outcome.get()
                if streamedBytes == 0, 200...299 ~= answer.status {
                    try await sink.begin(FetchResponse(answer, finalURL: chain.url, seconds: answer.seconds))
                }
                answer.streamedBytes = streamedBytes
                return answer
            }
        }
    }

    private func verdict(
        on host: URLHost, _ ticket: UInt64, until deadline: ContinuousClock.Instant,
        timeoutCause: CurlFailure.Cause
    ) async throws -> HostVerdict {
        try await withCheckedThrowingContinuation { continuation in
            if Task.isCancelled { return continuation.resume(throwing: CancellationError()) }
            resolver.wait(for: host, ticket: ticket, until: deadline, timeoutCause: timeoutCause) {
                continuation.resume(with: $0)
            }
        }
    }
}

extension HostVerdict {
    /// The addresses to dial, where all of them are allowed.
    fileprivate var route: CurlRoute {
        get throws(CurlFailure) {
            switch self {
            case .allowed(let route): return route
            case .refused: throw CurlFailure(cause: .addressRefused)
            case .unresolved: throw CurlFailure(cause: .dns)
            }
        }
    }
}
