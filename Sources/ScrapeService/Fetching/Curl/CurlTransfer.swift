import CCurl
import Glibc

/// One easy handle and the transfer that runs on it. ``CurlMulti`` pools them: a handle is reset and used again.
///
/// libcurl holds an unretained pointer to this object while a transfer runs; `CurlMulti.running` keeps it alive.
/// The callbacks only take notes: none of them calls back into libcurl, but for reading status and announced length.
final class CurlTransfer {
    typealias Completion = (Result<CurlAnswer, CurlFailure>) -> Void

    /// Why a callback ended the transfer.
    private enum Refusal { case bodyTooLarge, bodyCut, headersTooLarge, tooManyCodings, codingRefused }

    let easy: UnsafeMutableRawPointer
    private let settings: CurlSettings

    private(set) var ticket: UInt64 = 0
    private var completion: Completion?
    private var headerList: UnsafeMutablePointer<curl_slist>?
    /// Outlives the transfer: libcurl's handle refers to its share until it is given another.
    private var route: CurlRoute?
    private var limits = Limits()
    private var body: [UInt8] = []
    /// Where the body goes once its answer turned out to be a 2xx.
    private var stream: CurlBodyStream?
    private var isStreaming = false
    /// Its buffer is a stream's: too small for others.
    private(set) var isForStream = false
    private var wantedFields: [String] = []
    private var headers = HeaderNotes()
    private var refusal: Refusal?
    private var dialledAddresses = 0
    private var refusedAddresses = 0

    private struct Limits {
        var bodyBytes = 0
        var headerBytes = 0
        var cutsBody = false
        var followsRedirect = false
        var timeoutMilliseconds = 0
    }

    private struct HeaderNotes {
        var bytes = 0
        /// The blank line behind the fields has come. libcurl takes a connection closed before it for a whole answer.
        var isComplete = false
        /// Around the body of the last answer.
        var codings = 0
    }

    init?(settings: CurlSettings) {
        guard let easy = curl_easy_init() else { return nil }
        self.easy = easy
        self.settings = settings
    }

    deinit {
        curl_easy_cleanup(easy)
        curl_slist_free_all(headerList)
    }

    /// The transfer a handle was prepared for. Valid while `CurlMulti.running` holds it.
    static func running(on easy: UnsafeMutableRawPointer) -> CurlTransfer {
        from(scrape_easy_private(easy)!)
    }

    fileprivate static func from(_ context: UnsafeMutableRawPointer) -> CurlTransfer {
        Unmanaged<CurlTransfer>.fromOpaque(context).takeUnretainedValue()
    }

    // MARK: Life

    func prepare(
        _ request: CurlRequest, _ route: CurlRoute, ticket: UInt64, completion: @escaping Completion
    ) {
        self.ticket = ticket
        self.completion = completion
        limits = Limits(
            bodyBytes: request.maxBodyBytes, headerBytes: request.maxHeaderBytes,
            cutsBody: request.cutsBody, followsRedirect: request.followsRedirect,
            timeoutMilliseconds: request.timeoutMilliseconds)
        stream = request.stream
        isForStream = request.stream != nil
        isStreaming = false
        wantedFields = request.wantedFields
        headers = HeaderNotes()
        refusal = nil
        dialledAddresses = 0
        refusedAddresses = 0
        curl_easy_reset(easy)
        setCallbacks()
        setConnectionOptions(isStream: request.stream != nil)
        setRequestOptions(request)
        setRoute(route)
    }

    /// Tells the waiting caller; the handle is already out of its multi handle.
    func finish(_ code: CURLcode) {
        let isWhole = code == CURLE_OK && refusal == nil && headers.isComplete
        if isWhole || refusal == .bodyCut {
            complete(.success(answer()))
        } else {
            finish(cause: cause(of: code))
        }
    }

    func finish(cause: CurlFailure.Cause) {
        complete(.failure(CurlFailure(cause: cause)))
    }

    private func complete(_ outcome: Result<CurlAnswer, CurlFailure>) {
        body = []
        if isStreaming { stream?.head = answer() }
        stream = nil
        curl_slist_free_all(headerList)
        headerList = nil
        let completion = self.completion
        self.completion = nil
        completion?(outcome)
    }

    // MARK: What libcurl tells

    /// Returns how many bytes were taken, fewer to end the transfer, or libcurl's number that pauses it.
    fileprivate func receiveBody(_ bytes: UnsafeRawBufferPointer) -> Int {
        if body.isEmpty, !isStreaming { beginBody() }
        if isStreaming, let stream { return stream.take(bytes) ? bytes.count : Int(CURL_WRITEFUNC_PAUSE) }
        return collect(bytes) ? bytes.count : 0
    }

    private func collect(_ bytes: UnsafeRawBufferPointer) -> Bool {
        let room = limits.bodyBytes - body.count
        guard bytes.count <= room else {
            refusal = limits.cutsBody ? .bodyCut : .bodyTooLarge
            if limits.cutsBody { body.append(contentsOf: bytes[..<room]) }
            return false
        }
        body.append(contentsOf: bytes)
        return true
    }

    private func beginBody() {
        if stream != nil, 200...299 ~= status {
            isStreaming = true
            return
        }
        if limits.followsRedirect, CurlAnswer.isRedirect(status) {
            limits.bodyBytes = min(limits.bodyBytes, settings.maxRedirectBodyBytes)
            limits.cutsBody = true
        }
        let announced = Int(scrape_easy_offset(easy, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T))
        let reserve = min(announced, limits.bodyBytes, settings.maxReservedBytes)
        if reserve > 0 { body.reserveCapacity(reserve) }
    }

    /// One line, its end included.
    fileprivate func receiveHeader(_ line: UnsafeRawBufferPointer) -> Bool {
        headers.bytes += line.count
        if headers.bytes > limits.headerBytes { refusal = .headersTooLarge }
        if line.starts(with: "HTTP/".utf8) {
            route?.isFilled = true
            headers.isComplete = false
            headers.codings = 0
        } else if line.first == 0x0d || line.first == 0x0a {
            headers.isComplete = true
        } else if let codings = HeaderLine.codings(line) {
            headers.codings += codings
            if headers.codings > settings.maxCodings { refusal = .tooManyCodings }
            if stream != nil, HeaderLine.hasUnboundedCoding(line) { refusal = .codingRefused }
        }
        return refusal == nil
    }

    /// A new socket to the address, or `CURL_SOCKET_BAD`: this is where every dial passes.
    fileprivate func dial(_ target: UnsafeMutablePointer<curl_sockaddr>) -> curl_socket_t {
        let (family, kind, proto, length) = (
            target.pointee.family, target.pointee.socktype, target.pointee.protocol, target.pointee.addrlen
        )
        let allowed = withUnsafePointer(to: &target.pointee.addr) {
            route?.allows($0, socklen_t(length)) == true
        }
        guard allowed else {
            refusedAddresses += 1
            return curl_socket_t(-1)
        }
        dialledAddresses += 1
        return socket(family, kind | Int32(SOCK_CLOEXEC.rawValue), proto)
    }

    /// Whether libcurl may find out what a host is that its name cache does not have: an address in numbers only.
    fileprivate var mayResolve: Bool { route?.isLiteral == true }

    // MARK: Outcome

    private var seconds: Double {
        Double(scrape_easy_offset(easy, CURLINFO_TOTAL_TIME_T)) / 1_000_000
    }

    /// The transfer ended before the time it was given.
    private var isSlow: Bool { stream != nil && Int(seconds * 1000) < limits.timeoutMilliseconds }

    private var status: Int { scrape_easy_long(easy, CURLINFO_RESPONSE_CODE) }

    func answer() -> CurlAnswer {
        let status = self.status
        return CurlAnswer(
            status: status,
            location: CurlAnswer.isRedirect(status) ? location : nil,
            contentType: header("Content-Type"),
            retryAfter: header("Retry-After"),
            body: body,
            headerBytes: headers.bytes,
            seconds: seconds,
            fields: wantedFields.map(header))
    }

    private var location: [UInt8]? {
        var found: UnsafeMutablePointer<curl_header>?
        guard curl_easy_header(easy, "Location", 0, UInt32(CURLH_HEADER), -1, &found) == CURLHE_OK,
            let value = found?.pointee.value
        else { return nil }
        // Of an empty field libcurl leaves the carriage return.
        let bytes = UnsafeRawBufferPointer(start: value, count: strlen(value))
        return bytes.allSatisfy { $0 <= 0x20 } ? nil : Array(bytes)
    }

    /// Of the last answer only; the last field line of that name.
    private func header(_ name: String) -> String? {
        var found: UnsafeMutablePointer<curl_header>?
        guard curl_easy_header(easy, name, 0, UInt32(CURLH_HEADER), -1, &found) == CURLHE_OK,
            let first = found
        else { return nil }
        let last = first.pointee.amount - 1
        if last > 0 { _ = curl_easy_header(easy, name, last, UInt32(CURLH_HEADER), -1, &found) }
        return found.map { String(cString: $0.pointee.value) }
    }

    private func cause(of code: CURLcode) -> CurlFailure.Cause {
        switch refusal {
        case .bodyTooLarge: return .bodyTooLarge
        case .headersTooLarge: return .headersTooLarge
        case .tooManyCodings: return .tooManyCodings
        case .codingRefused: return .codingRefused
        case .bodyCut, nil: break
        }
        switch code {
        case CURLE_COULDNT_CONNECT:
            return dialledAddresses == 0 && refusedAddresses > 0 ? .addressRefused : .connect
        case CURLE_OPERATION_TIMEDOUT where isSlow: return .stalled
        case CURLE_OPERATION_TIMEDOUT:
            return scrape_easy_offset(easy, CURLINFO_PRETRANSFER_TIME_T) == 0 ? .connectTimeout : .timeout
        // Also what libcurl calls an answer without a status line (HTTP/0.9): then a request was sent.
        case CURLE_UNSUPPORTED_PROTOCOL:
            return scrape_easy_long(easy, CURLINFO_REQUEST_SIZE) > 0 ? .lost : .schemeRefused
        // libcurl's bound on a single header line.
        case CURLE_OUT_OF_MEMORY where headers.bytes > 0 && body.isEmpty: return .headersTooLarge
        case CURLE_OK: return .lost
        default: return CurlFailure.Cause(code)
        }
    }
}

// MARK: Options

extension CurlTransfer {
    private func setCallbacks() {
        scrape_easy_set_callbacks(
            easy, Unmanaged.passUnretained(self).toOpaque(),
            { bytes, size, count, context in
                let buffer = UnsafeRawBufferPointer(start: bytes, count: size * count)
                return CurlTransfer.from(context!).receiveBody(buffer)
            },
            { line, size, count, context in
                let buffer = UnsafeRawBufferPointer(start: line, count: size * count)
                return CurlTransfer.from(context!).receiveHeader(buffer) ? size * count : 0
            },
            { context, purpose, target in
                guard purpose == CURLSOCKTYPE_IPCXN else { return curl_socket_t(-1) }
                return CurlTransfer.from(context!).dial(target!)
            },
            { _, _, context in CurlTransfer.from(context!).mayResolve ? 0 : 1 })
    }

    private func setConnectionOptions(isStream: Bool) {
        set(CURLOPT_NOSIGNAL, 1)
        // The route's name cache is never out of date: it ends with the route.
        set(CURLOPT_DNS_CACHE_TIMEOUT, -1)
        // Refused, and not needed, while the handle still has its buffer of the transfer before.
        _ = scrape_easy_set_long(
            easy, CURLOPT_BUFFERSIZE, isStream ? settings.streamBufferBytes : settings.receiveBufferBytes)
        set(CURLOPT_MAXAGE_CONN, settings.maxIdleSeconds)
        set(CURLOPT_PROTOCOLS_STR, "http,https")
        // Empty, not null: null would take the proxy of the environment.
        set(CURLOPT_PROXY, "")
        // Without a directory libcurl keeps the parsed certificates; with one it reads them again each connection.
        scrape_easy_set_string(easy, CURLOPT_CAPATH, nil)
        if let caFile = settings.caFile { set(CURLOPT_CAINFO, caFile) }
    }

    private func setRequestOptions(_ request: CurlRequest) {
        set(CURLOPT_URL, request.url)
        // A connection of its own for a stream: one that is paused must not hold up the streams beside it.
        set(CURLOPT_HTTP_VERSION, Int(request.stream == nil ? CURL_HTTP_VERSION_2TLS : CURL_HTTP_VERSION_1_1))
        // Behind TLS, wait for the first connection to say whether it takes many streams before opening others.
        set(CURLOPT_PIPEWAIT, request.url.hasPrefix("https:") ? 1 : 0)
        // Empty: every encoding this libcurl can undo. It undoes what was not asked for, too.
        set(CURLOPT_ACCEPT_ENCODING, request.stream == nil ? "" : "identity")
        // Redirects are the caller's work: each leads to a host that must be looked up and judged first.
        set(CURLOPT_FOLLOWLOCATION, 0)
        set(CURLOPT_TIMEOUT_MS, request.timeoutMilliseconds)
        set(CURLOPT_CONNECTTIMEOUT_MS, request.connectTimeoutMilliseconds)
        setSpeedLimit(request)
        // By Content-Length, before a byte of the body is read.
        if !request.cutsBody, request.stream == nil {
            scrape_easy_set_offset(easy, CURLOPT_MAXFILESIZE_LARGE, curl_off_t(request.maxBodyBytes))
        }
        set(CURLOPT_USERAGENT, request.userAgent)
        if let body = request.body { setBody(body) }
        // What libcurl would make of it by itself.
        if request.method != (request.body == nil ? "GET" : "POST") {
            set(CURLOPT_CUSTOMREQUEST, request.method)
        }
        for line in request.headerLines { headerList = curl_slist_append(headerList, line) }
        scrape_easy_set_list(easy, CURLOPT_HTTPHEADER, headerList)
    }

    /// libcurl does not measure a transfer while it is paused.
    private func setSpeedLimit(_ request: CurlRequest) {
        let isBounded = request.stream == nil
        let bytes = isBounded ? settings.minBytesPerSecond : 1
        set(CURLOPT_LOW_SPEED_LIMIT, bytes)
        set(
            CURLOPT_LOW_SPEED_TIME,
            bytes == 0 ? 0 : isBounded ? settings.lowSpeedSeconds : request.stallSeconds)
    }

    private func setBody(_ body: [UInt8]) {
        scrape_easy_set_offset(easy, CURLOPT_POSTFIELDSIZE_LARGE, curl_off_t(body.count))
        // Copied by libcurl. Null, which an empty array may have, would make it ask for the body by a callback.
        body.withUnsafeBytes { bytes in
            if let start = bytes.baseAddress, !bytes.isEmpty {
                _ = scrape_easy_set_pointer(easy, CURLOPT_COPYPOSTFIELDS, start)
            } else {
                set(CURLOPT_COPYPOSTFIELDS, "")
            }
        }
        // No pause before the body to ask whether it is welcome (RFC 9110 §10.1.1).
        headerList = curl_slist_append(headerList, "Expect:")
    }

    private func setRoute(_ route: CurlRoute) {
        if self.route !== route {
            _ = scrape_easy_set_pointer(easy, CURLOPT_SHARE, route.share)
            self.route = route
        }
        // Null too: a handle keeps the pairs of a transfer that was cancelled before libcurl had read them.
        scrape_easy_set_list(easy, CURLOPT_RESOLVE, route.missingHostPairs)
    }

    private func set(_ option: CURLoption, _ value: Int) {
        let code = scrape_easy_set_long(easy, option, value)
        assert(code == CURLE_OK, "libcurl refuses option \(option.rawValue)")
    }

    private func set(_ option: CURLoption, _ value: String) {
        let code = scrape_easy_set_string(easy, option, value)
        assert(code == CURLE_OK, "libcurl refuses option \(option.rawValue)")
    }
}

extension CurlFailure.Cause {
    /// By the code alone; ``CurlTransfer`` knows more about some of them.
    fileprivate init(_ code: CURLcode) {
        switch code {
        case CURLE_COULDNT_RESOLVE_HOST: self = .dns
        case CURLE_COULDNT_CONNECT: self = .connect
        case CURLE_OPERATION_TIMEDOUT: self = .timeout
        case CURLE_FILESIZE_EXCEEDED: self = .bodyTooLarge
        case CURLE_URL_MALFORMAT: self = .schemeRefused
        case CURLE_SSL_CONNECT_ERROR, CURLE_PEER_FAILED_VERIFICATION, CURLE_SSL_CERTPROBLEM, CURLE_SSL_CIPHER,
            CURLE_SSL_CACERT_BADFILE, CURLE_SSL_ISSUER_ERROR, CURLE_SSL_INVALIDCERTSTATUS,
            CURLE_SSL_PINNEDPUBKEYNOTMATCH, CURLE_SSL_CLIENTCERT, CURLE_USE_SSL_FAILED,
            CURLE_SSL_SHUTDOWN_FAILED:
            self = .tls
        case CURLE_GOT_NOTHING, CURLE_RECV_ERROR, CURLE_SEND_ERROR, CURLE_PARTIAL_FILE, CURLE_HTTP2,
            CURLE_HTTP2_STREAM, CURLE_BAD_CONTENT_ENCODING, CURLE_WEIRD_SERVER_REPLY, CURLE_WRITE_ERROR,
            CURLE_NO_CONNECTION_AVAILABLE:
            self = .lost
        default: self = .internalError(code.rawValue)
        }
    }
}
