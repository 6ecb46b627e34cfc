import CCurl
import Glibc
import HTTPCore

/// libcurl's multi interface on an event loop: libcurl names descriptors and a time-out, the loop tells when.
///
/// All of it belongs to the loop's thread. libcurl holds an unretained pointer to this object, whose owner calls
/// ``close()`` before letting go of it. Callbacks only change registrations and timers: none re-enters libcurl.
final class CurlMulti {
    /// A superseded timer stays in the loop's heap until its time, so none is set further ahead than this.
    private static let maxTimerAhead = Duration.seconds(1)

    private let loop: EventLoop
    private let settings: CurlSettings
    private let multi: UnsafeMutableRawPointer

    /// Transfers libcurl knows, by ticket: this is what keeps their objects alive for its pointers.
    private var running: [UInt64: CurlTransfer] = [:]
    private var idle: [CurlTransfer] = []
    /// By descriptor.
    private var sockets: [Socket?] = []
    private var lastTicket: UInt64 = 0
    /// When libcurl wants to be called, and the timer that is set for it (or earlier).
    private var deadline: ContinuousClock.Instant?
    private var timer: HTTPCore.Timer?
    private(set) var isClosed = false

    private struct Socket {
        let registration: Registration
        var interest: Readiness
    }

    /// Nil only when libcurl has no memory. Any thread.
    init?(loop: EventLoop, settings: CurlSettings) {
        guard CurlLibrary.isReady, let multi = curl_multi_init() else { return nil }
        self.loop = loop
        self.settings = settings
        self.multi = multi
        scrape_multi_set_long(multi, CURLMOPT_MAX_TOTAL_CONNECTIONS, settings.maxConnections)
        scrape_multi_set_long(multi, CURLMOPT_MAXCONNECTS, settings.maxIdleConnections)
        scrape_multi_set_long(multi, CURLMOPT_MAX_CONCURRENT_STREAMS, settings.maxStreamsPerConnection)
        scrape_multi_set_long(multi, CURLMOPT_PIPELINING, Int(CURLPIPE_MULTIPLEX))
        scrape_multi_set_callbacks(
            multi, Unmanaged.passUnretained(self).toOpaque(),
            { _, descriptor, what, context, _ in
                CurlMulti.from(context!).follow(descriptor, what)
                return 0
            },
            { _, milliseconds, context in
                CurlMulti.from(context!).follow(timeoutMilliseconds: milliseconds)
                return 0
            })
    }

    deinit { assert(isClosed, "a CurlMulti is closed before its owner lets go of it") }

    private static func from(_ context: UnsafeMutableRawPointer) -> CurlMulti {
        Unmanaged<CurlMulti>.fromOpaque(context).takeUnretainedValue()
    }

    // MARK: Transfers

    /// A name for a transfer that is about to start, so that it can be cancelled whenever.
    func nextTicket() -> UInt64 {
        lastTicket += 1
        return lastTicket
    }

    /// Starts a transfer along `route`; `completion` is called once, on the loop's thread, never from within this
    /// call unless the transfer cannot even start.
    func start(
        _ request: CurlRequest, _ route: CurlRoute, ticket: UInt64,
        completion: @escaping CurlTransfer.Completion
    ) {
        // A used handle keeps its buffer, which has not the size of a stream's.
        let used = request.stream == nil ? idle.popLast() : nil
        guard !isClosed, let transfer = used ?? CurlTransfer(settings: settings) else {
            completion(.failure(CurlFailure(cause: .cancelled)))
            return
        }
        transfer.prepare(request, route, ticket: ticket, completion: completion)
        running[ticket] = transfer
        let code = curl_multi_add_handle(multi, transfer.easy)
        guard code != CURLM_OK else { return }
        running[ticket] = nil
        transfer.finish(cause: .internalError(UInt32(bitPattern: code.rawValue)))
    }

    /// Ends a transfer at once, its connection too unless other streams share it. One that is over is no error.
    func cancel(_ ticket: UInt64) { end(ticket, .cancelled) }

    private func end(_ ticket: UInt64, _ cause: CurlFailure.Cause) {
        guard let transfer = running.removeValue(forKey: ticket) else { return }
        curl_multi_remove_handle(multi, transfer.easy)
        transfer.finish(cause: cause)
        recycle(transfer)
    }

    /// What is known of an answer whose body is still coming; nil where the transfer is over.
    func head(of ticket: UInt64) -> CurlAnswer? { running[ticket]?.answer() }

    /// Lets a transfer go on that its stream has paused. Never from within a callback of libcurl's: it delivers what
    /// it had kept by one.
    func resume(_ ticket: UInt64) {
        guard let transfer = running[ticket] else { return }
        guard curl_easy_pause(transfer.easy, CURLPAUSE_CONT) == CURLE_OK else { return end(ticket, .lost) }
    }

    /// Cancels every transfer and closes every connection. Loop's thread; twice is fine.
    func close() {
        guard !isClosed else { return }
        isClosed = true
        for ticket in Array(running.keys) { cancel(ticket) }
        idle = []
        curl_multi_cleanup(multi)
        for socket in sockets { socket?.registration.cancel() }
        sockets = []
        timer?.cancel()
        timer = nil
        deadline = nil
    }

    private func collectFinished() {
        var left: Int32 = 0
        while let message = curl_multi_info_read(multi, &left) {
            guard message.pointee.msg == CURLMSG_DONE, let easy = message.pointee.easy_handle else {
                continue
            }
            let code = message.pointee.data.result
            let transfer = CurlTransfer.running(on: easy)
            curl_multi_remove_handle(multi, easy)
            running[transfer.ticket] = nil
            transfer.finish(code)
            recycle(transfer)
        }
    }

    private func recycle(_ transfer: CurlTransfer) {
        guard idle.count < settings.maxIdleHandles, !isClosed, !transfer.isForStream else { return }
        idle.append(transfer)
    }

    // MARK: What libcurl asks for

    private func follow(_ descriptor: Int32, _ what: Int32) {
        let slot = Int(descriptor)
        while sockets.count <= slot { sockets.append(nil) }
        guard what != CURL_POLL_REMOVE else {
            sockets[slot]?.registration.cancel()
            sockets[slot] = nil
            return
        }
        var interest: Readiness = []
        if what & CURL_POLL_IN != 0 { interest.insert(.readable) }
        if what & CURL_POLL_OUT != 0 { interest.insert(.writable) }
        // A descriptor epoll refuses is never told ready: its transfer ends by its time-out.
        if let known = sockets[slot] {
            guard known.interest != interest else { return }
            sockets[slot]?.interest = interest
            try? known.registration.update(interest)
        } else if let registration = try? loop.register(
            descriptor, interest,
            handler: { [unowned self] readiness in ready(descriptor, readiness) })
        {
            sockets[slot] = Socket(registration: registration, interest: interest)
        }
    }

    private func follow(timeoutMilliseconds: Int) {
        guard timeoutMilliseconds >= 0, !isClosed else {
            deadline = nil
            return
        }
        deadline = .now + .milliseconds(timeoutMilliseconds)
        setTimer()
    }

    private func setTimer() {
        guard let deadline else { return }
        if let timer {
            if timer.deadline <= deadline { return }
            timer.cancel()
        }
        timer = loop.schedule(at: min(deadline, .now + Self.maxTimerAhead)) { [unowned self] in timerFired() }
    }

    // MARK: What the loop tells

    private func ready(_ descriptor: Int32, _ readiness: Readiness) {
        var mask: Int32 = 0
        if readiness.contains(.readable) { mask |= CURL_CSELECT_IN }
        if readiness.contains(.writable) { mask |= CURL_CSELECT_OUT }
        act(descriptor, mask)
    }

    private func timerFired() {
        timer = nil
        guard let deadline else { return }
        if deadline <= .now {
            self.deadline = nil
            act(curl_socket_t(-1), 0)
        } else {
            setTimer()
        }
    }

    /// `descriptor` −1 (CURL_SOCKET_TIMEOUT): time has passed.
    private func act(_ descriptor: Int32, _ mask: Int32) {
        var stillRunning: Int32 = 0
        curl_multi_socket_action(multi, descriptor, mask, &stillRunning)
        collectFinished()
    }
}

/// libcurl itself, set up once a process.
enum CurlLibrary {
    /// False when libcurl cannot be used.
    static let isReady: Bool = {
        guard curl_global_init(Int(CURL_GLOBAL_DEFAULT)) == CURLE_OK else { return false }
        // With NOSIGNAL libcurl leaves SIGPIPE alone, and OpenSSL writes without MSG_NOSIGNAL.
        signal(SIGPIPE, SIG_IGN)
        return true
    }()
}
