extension FetchResponse {
    /// `seconds`: of all redirects too.
    init(_ answer: CurlAnswer, finalURL: WebURL, seconds: Double) {
        self.init(
            status: answer.status,
            finalURL: finalURL.text,
            contentType: answer.contentType,
            retryAfter: answer.retryAfter,
            body: answer.body,
            seconds: seconds,
            fields: answer.fields.isEmpty ? nil : AnswerFields(answer.fields),
            streamedBytes: answer.streamedBytes)
    }
}

extension AnswerFields {
    fileprivate static let names = [
        "ETag", "Last-Modified", "Content-Disposition", "Content-Encoding", "Content-Range", "Date",
        "Content-Length",
    ]

    /// `values` of ``names``.
    fileprivate convenience init(_ values: [String?]) {
        self.init(
            etag: values[0], lastModified: values[1], contentDisposition: values[2],
            contentEncoding: values[3],
            contentRange: values[4], date: values[5], contentLength: values[6].flatMap { Int64($0) })
    }
}

extension FetchFailure {
    /// The ledger's code and words; they name no address, not even one a redirect led to.
    init(_ cause: CurlFailure.Cause, _ request: FetchRequest, seconds: Double) {
        let (code, detail) = Self.explain(cause, request)
        self.init(code: code, detail: detail, seconds: seconds, timedOutConnecting: cause == .connectTimeout)
    }

    private static func explain(_ cause: CurlFailure.Cause, _ request: FetchRequest) -> (FailureCode, String)
    {
        switch cause {
        case .dns: (.dnsFailed, "the host name could not be resolved")
        case .connect: (.connectFailed, "no connection could be made")
        case .tls: (.tlsFailed, "no secure connection: the handshake or the certificate failed")
        case .connectTimeout:
            (.timeout, "no connection within \(min(request.connectTimeout, request.timeout))")
        case .stalled:
            (.timeout, "the server sent nothing for \(request.streaming?.stallTimeout ?? request.timeout)")
        case .timeout: (.timeout, "no complete answer within \(request.timeout)")
        case .lost: (.connectionLost, "the connection was closed or broken before the answer was complete")
        case .bodyTooLarge: (.tooLarge, "the body is larger than \(request.maxBodyBytes) bytes")
        case .headersTooLarge: (.tooLarge, "the header fields of the answer are too large")
        case .tooManyCodings: (.tooLarge, "the body is compressed more than once")
        case .codingRefused: (.tooLarge, "the body is compressed in a way that was not asked for")
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
    /// The fields were checked before.
    init(
        _ chain: RedirectChain, _ request: FetchRequest, timeout: Duration, connectTimeout: Duration,
        maxHeaderBytes: Int
    ) {
        // To libcurl "Name:" means "leave it out" and "Name;" means "send it empty".
        var lines = chain.headers.map { $0.value.isEmpty ? "\($0.name);" : "\($0.name): \($0.value)" }
        // Else libcurl calls every body a form.
        if chain.body != nil, !chain.headers.contains(where: { $0.name.lowercased() == "content-type" }) {
            lines.append("Content-Type:")
        }
        self.init(
            url: chain.target,
            method: chain.method,
            body: chain.body,
            timeoutMilliseconds: timeout.wholeMilliseconds,
            connectTimeoutMilliseconds: connectTimeout.wholeMilliseconds,
            maxBodyBytes: request.maxBodyBytes,
            cutsBody: request.cutsBody,
            maxHeaderBytes: maxHeaderBytes,
            followsRedirect: chain.follows,
            userAgent: request.userAgent,
            headerLines: lines,
            wantedFields: request.wantsFields || request.streaming != nil ? AnswerFields.names : [],
            stallSeconds: request.streaming.map { ($0.stallTimeout.wholeMilliseconds + 999) / 1000 } ?? 0)
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

    /// Throws ``FetchFailure`` for a field that must not or cannot be sent.
    static func check(_ request: FetchRequest) throws(FetchFailure) {
        if let field = request.headers.first(where: { !isSendable($0) }) {
            throw FetchFailure(
                code: .internalError, detail: "the header field \"\(field.name)\" cannot be sent", seconds: 0)
        }
        guard isValue(request.userAgent) else {
            throw FetchFailure(code: .internalError, detail: "the user agent cannot be sent", seconds: 0)
        }
    }

    private static func isSendable(_ field: HeaderField) -> Bool {
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
