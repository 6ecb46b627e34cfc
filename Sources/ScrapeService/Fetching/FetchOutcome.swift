extension FetchResponse {
    /// The final URL in canonical form, so that links resolve against what a redirect really led to.
    init(_ answer: CurlAnswer, requested: WebURL, urls: CurlURLs) {
        self.init(
            status: answer.status,
            finalURL: answer.redirectedURL.map { urls.parse($0)?.text ?? $0 } ?? requested.text,
            contentType: answer.contentType,
            retryAfter: answer.retryAfter,
            body: answer.body,
            seconds: answer.seconds)
    }
}

extension FetchFailure {
    /// The ledger's code and words; they name no address, not even one a redirect led to.
    init(_ failure: CurlFailure, _ request: FetchRequest) {
        let (code, detail) = Self.explain(failure.cause, request)
        self.init(
            code: code, detail: detail, seconds: failure.seconds,
            timedOutConnecting: failure.cause == .connectTimeout)
    }

    private static func explain(_ cause: CurlFailure.Cause, _ request: FetchRequest) -> (FailureCode, String)
    {
        switch cause {
        case .dns: (.dnsFailed, "the host name could not be resolved")
        case .connect: (.connectFailed, "no connection could be made")
        case .tls: (.tlsFailed, "no secure connection: the handshake or the certificate failed")
        case .connectTimeout:
            (.timeout, "no connection within \(min(request.connectTimeout, request.timeout))")
        case .timeout: (.timeout, "no complete answer within \(request.timeout)")
        case .lost: (.connectionLost, "the connection was closed or broken before the answer was complete")
        case .bodyTooLarge: (.tooLarge, "the body is larger than \(request.maxBodyBytes) bytes")
        case .headersTooLarge: (.tooLarge, "the header fields of the answer are too large")
        case .tooManyRedirects: (.tooManyRedirects, "more than \(request.maxRedirects) redirects")
        case .addressRefused:
            (
                .urlBlocked,
                "the host's address is not globally routable and no --egress-allow names its network"
            )
        case .schemeRefused: (.urlBlocked, "a redirect led to something that is no http or https URL")
        case .cancelled: (.internalError, "cancelled")
        case .internalError(let code): (.internalError, "libcurl error \(code)")
        }
    }
}

extension CurlRequest {
    /// Throws ``FetchFailure`` for a header field that must not or cannot be sent.
    init(_ request: FetchRequest) throws(FetchFailure) {
        var lines: [String] = []
        for field in request.headers {
            guard RequestFields.isSendable(field) else {
                throw FetchFailure(
                    code: .internalError, detail: "the header field \"\(field.name)\" cannot be sent",
                    seconds: 0)
            }
            // To libcurl "Name:" means "leave it out" and "Name;" means "send it empty".
            lines.append(field.value.isEmpty ? "\(field.name);" : "\(field.name): \(field.value)")
        }
        guard RequestFields.isValue(request.userAgent) else {
            throw FetchFailure(code: .internalError, detail: "the user agent cannot be sent", seconds: 0)
        }
        self.init(
            url: request.url.text,
            timeoutMilliseconds: request.timeout.wholeMilliseconds,
            connectTimeoutMilliseconds: request.connectTimeout.wholeMilliseconds,
            maxRedirects: request.maxRedirects,
            maxBodyBytes: request.maxBodyBytes,
            userAgent: request.userAgent,
            headerLines: lines)
    }
}

/// Which header fields of a client's may go out.
enum RequestFields {
    /// Fields that frame the message or belong to one connection (RFC 9110 §7.6.1, RFC 9112 §6): connections are
    /// shared by all jobs, so a wrong one would spoil a stranger's request.
    private static let framing: Set<String> = [
        "connection", "content-length", "expect", "http2-settings", "keep-alive", "proxy-authorization",
        "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade",
    ]

    static func isSendable(_ field: HeaderField) -> Bool {
        isToken(field.name) && isValue(field.value) && !framing.contains(field.name.lowercased())
    }

    /// RFC 9110 §5.6.2.
    private static func isToken(_ name: String) -> Bool {
        !name.isEmpty
            && name.utf8.allSatisfy { byte in
                switch byte {
                case 48...57, 65...90, 97...122: true
                default: "!#$%&'*+-.^_`|~".utf8.contains(byte)
                }
            }
    }

    /// RFC 9110 §5.5: no control character but the tab.
    static func isValue(_ value: String) -> Bool {
        value.utf8.allSatisfy { $0 >= 0x20 && $0 != 0x7f || $0 == 0x09 }
    }
}

extension Duration {
    /// Rounded up, at least 1 (to libcurl 0 means "none"), at most what its `long` takes everywhere.
    fileprivate var wholeMilliseconds: Int {
        let (seconds, attoseconds) = components
        guard seconds < Int64(Int32.max) / 1000 else { return Int(Int32.max) }
        return max(1, Int(seconds) * 1000 + Int((attoseconds + 999_999_999_999_999) / 1_000_000_000_000_000))
    }
}
