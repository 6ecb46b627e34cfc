/// The limits of one ``CurlMulti``, each with its unit, default and reason.
struct CurlSettings: Sendable {
    /// Connections open at once, idle ones included; a transfer beyond waits for one to end.
    /// 4096: four jobs of the largest concurrency (1000), with a descriptor each.
    var maxConnections = 4096
    /// Idle connections kept for reuse. 1024: one for each fetch of a job of the largest concurrency.
    var maxIdleConnections = 1024
    /// Seconds an idle connection may wait for its next use. 60: servers close theirs after 60…75.
    var maxIdleSeconds = 60
    /// Finished handles kept for reuse, some 10 KiB each. 256: what a busy loop starts between two turns.
    var maxIdleHandles = 256
    /// Streams on one HTTP/2 connection. 100: the least RFC 9113 §6.5.2 recommends a server to allow.
    var maxStreamsPerConnection = 100
    /// Header bytes of all answers of one fetch, those of redirects, interim answers and trailers included.
    /// 256 KiB: what browsers take; ordinary answers stay under 8 KiB.
    var maxHeaderBytes = 256 << 10
    /// What one read may bring, a buffer a running transfer. 32 KiB: most pages arrive in one or two reads.
    var receiveBufferBytes = 32 << 10
    /// The same of a transfer with a stream. 4 KiB: what they decode to (a thousand times as much at most) stays in
    /// libcurl's memory while the stream has no room.
    var streamBufferBytes = 4 << 10
    /// What a `Content-Length` may reserve before a byte has come. 1 MiB: a lying server costs no more.
    var maxReservedBytes = 1 << 20
    /// Codings around one body (RFC 9110 §8.4.1, RFC 9112 §7). 1: a second one could blow a few received bytes up to
    /// gigabytes that are undone on the loop and never show up in the body.
    var maxCodings = 1
    /// What is read of a redirect's body so that its connection can be used again. 64 KiB: they are short notes, and
    /// beyond that a new connection costs less.
    var maxRedirectBodyBytes = 64 << 10
    /// A transfer slower than this over ``lowSpeedSeconds`` times out. 0 (off): the fetch's own time-out bounds it.
    var minBytesPerSecond = 0
    /// The window ``minBytesPerSecond`` is measured over. 60: longer than a slow server thinks.
    var lowSpeedSeconds = 60
    /// PEM file of the certificate authorities to trust instead of the system's.
    var caFile: String?
}

/// One request as libcurl is to do it, a redirect not followed.
struct CurlRequest {
    var url: String
    var method: String
    var body: [UInt8]?
    var timeoutMilliseconds: Int
    var connectTimeoutMilliseconds: Int
    /// After decompression.
    var maxBodyBytes: Int
    /// A longer body is cut there instead of being a failure.
    var cutsBody: Bool
    /// Of this answer, interim answers included.
    var maxHeaderBytes: Int
    /// A redirect's body is of no use to the caller.
    var followsRedirect: Bool
    var userAgent: String
    /// Whole field lines (`Name: value`), checked by the caller: no CR, LF or NUL.
    var headerLines: [String]
    /// Names of header fields whose values ``CurlAnswer/fields`` is to hold.
    var wantedFields: [String] = []
    /// Takes the body of a 2xx answer, which is asked for without a coding.
    var stream: CurlBodyStream?
    /// With a stream: the time a server may send nothing.
    var stallSeconds = 0
}

/// What came back, whatever its status.
struct CurlAnswer: Sendable {
    var status: Int
    /// The first `Location` field of a redirect (RFC 9110 §15.4), as its bytes came; nil where it is empty.
    var location: [UInt8]?
    var contentType: String?
    var retryAfter: String?
    var body: [UInt8]
    var headerBytes: Int
    var seconds: Double
    /// Of ``CurlRequest/wantedFields``, in that order; the last field line of a name, nil where there is none.
    var fields: [String?] = []
    /// Bytes that a ``CurlBodyStream`` took instead of ``body``.
    var streamedBytes = 0

    /// The statuses that user agents follow (Fetch standard §2.2.3); 300 and 304 are answers.
    static func isRedirect(_ status: Int) -> Bool {
        switch status {
        case 301, 302, 303, 307, 308: true
        default: false
        }
    }
}

/// Why nothing came back.
struct CurlFailure: Error, Sendable {
    enum Cause: Hashable, Sendable {
        case dns, connect, tls
        case connectTimeout, timeout
        /// Nothing came for ``CurlRequest/stallSeconds``.
        case stalled
        /// Closed, cut or broken before the answer was whole.
        case lost
        case bodyTooLarge, headersTooLarge, tooManyRedirects
        /// The body is wrapped in more codings than ``CurlSettings/maxCodings``.
        case tooManyCodings
        /// A stream's body is in a coding that was not asked for, and that has no bound to what it expands to.
        case codingRefused
        /// An address of the host may not be dialled.
        case addressRefused
        /// Neither http nor https, or no URL at all: a redirect led there.
        case schemeRefused
        case cancelled
        /// libcurl's own number (CURLcode).
        case internalError(UInt32)
    }

    var cause: Cause
}
