import Glibc
import HTTPCore

/// Fetches pages with libcurl on an event loop: any number at once, connections reused, HTTP/2 where TLS offers it.
///
/// Every address is checked against the egress policy as it is dialled, so redirects and re-resolved names are too.
/// No cookies, no `.netrc`, no proxy. Credentials in a URL are sent to its host only.
actor CurlFetcher: PageFetcher {
    private let loop: EventLoop
    private let multi: CurlMulti
    private let urls = CurlURLs()

    nonisolated var unownedExecutor: UnownedSerialExecutor { loop.asUnownedSerialExecutor() }

    /// libcurl could not be set up, or resolves names on the caller's thread.
    struct Unavailable: Error {}

    /// `loop` outlives the fetcher; ``stop()`` it before letting go.
    init(loop: EventLoop, configuration: FetchConfiguration = FetchConfiguration()) throws(Unavailable) {
        let egress = configuration.egress
        let multi = CurlMulti(loop: loop, settings: configuration.curl) { address, length in
            IPAddress(address, length: length).map(egress.allows) ?? false
        }
        guard let multi else { throw Unavailable() }
        self.loop = loop
        self.multi = multi
    }

    /// Ends every fetch as cancelled and closes every connection. Twice is fine; fetches after it are cancelled.
    func stop() {
        multi.close()
    }

    func fetch(_ request: FetchRequest) async throws -> FetchResponse {
        let curlRequest = try CurlRequest(request)
        let ticket = multi.nextTicket()
        do {
            let answer = try await withTaskCancellationHandler {
                try await run(curlRequest, ticket)
            } onCancel: {
                loop.execute { self.assumeIsolated { $0.multi.cancel(ticket) } }
            }
            return FetchResponse(answer, requested: request.url, urls: urls)
        } catch let failure as CurlFailure {
            if failure.cause == .cancelled { throw CancellationError() }
            throw FetchFailure(failure, request)
        }
    }

    private func run(_ request: CurlRequest, _ ticket: UInt64) async throws -> CurlAnswer {
        try await withCheckedThrowingContinuation { continuation in
            // Cancelled before it began: the handler found nothing to cancel.
            if Task.isCancelled {
                continuation.resume(throwing: CancellationError())
            } else {
                multi.start(request, ticket: ticket) { continuation.resume(with: $0) }
            }
        }
    }
}
