/// Every bound and time-out of a server. Sizes are in bytes; a request beyond one gets the status named with it.
public struct ServerLimits: Hashable, Sendable {
    /// Request line without its CRLF, 414 (a method that long: 400). 8 KiB: RFC 9112, section 3 asks for 8000 octets.
    public var maxRequestLineBytes = 8192
    /// One field line, 431. 8 KiB: what nginx takes, room for large cookies and tokens.
    public var maxFieldBytes = 8192
    /// All field lines of one head, 431. 32 KiB: bounds what a connection can pin before a handler sees it.
    public var maxFieldSectionBytes = 32768
    /// Field lines of one head, 431. 100: hyper's bound; browsers send about 30.
    public var maxFields = 100
    /// Blank lines tolerated before a request line, 400. 8: old clients send one after a body (RFC 9112, section 2.2).
    public var maxLeadingBlankLines = 8
    /// Body, 413. 16 MiB: a handler that wants less says so in `collect(upTo:)`.
    public var maxBodyBytes = 16 << 20
    /// Chunk extensions of one body, 400. 1 KiB: nobody uses them but attackers.
    public var maxChunkExtensionBytes = 1024
    /// Trailer fields of one body, 431. 8 KiB: they are checked and dropped.
    public var maxTrailerBytes = 8192
    /// Body bytes read and dropped after a handler that did not want them, so that the connection can go on; more
    /// closes it. 256 KiB: Go's bound.
    public var maxUnreadBodyBytes = 256 << 10

    /// From a request's first byte (on a new connection: from accept) to the end of its head, 408; absolute, so that
    /// trickled bytes do not renew it. 10 s: a head is one packet or a few.
    public var headerTimeout: Duration = .seconds(10)
    /// In which a body that a handler waits for must bring ``minBodyProgressBytes``, 408. 20 s: a stalled mobile link recovers in less.
    public var bodyTimeout: Duration = .seconds(20)
    /// Bytes that renew ``bodyTimeout``. 1 KiB: 20 s a KiB is slower than any link in use.
    public var minBodyProgressBytes = 1024
    /// Between two requests; then the connection is closed without an answer. 75 s: nginx's, above common proxies' 60 s.
    public var idleTimeout: Duration = .seconds(75)
    /// In which a client must take some of what waits for it; then it is cut off. 30 s.
    public var writeTimeout: Duration = .seconds(30)
    /// For requests in flight after ``Server/shutdown()``; then they are cut off. 25 s: below Kubernetes's 30 s grace.
    public var drainTimeout: Duration = .seconds(25)
    /// In which something of the request must be read, or of the answer written, once the client has sent FIN; then its
    /// handler is cancelled: it may have only ended its side (RFC 9112, section 9.6), but has mostly left. 1 s.
    public var halfCloseTimeout: Duration = .seconds(1)
    /// That a closing connection waits for the client's last bytes, so that a reset does not destroy the answer
    /// (RFC 9112, section 9.6). 2 s: more than a round trip.
    public var lingerTimeout: Duration = .seconds(2)
    /// Bytes dropped in that time. 1 MiB.
    public var maxLingerBytes = 1 << 20

    /// Open connections. Beyond it idle ones make room for new ones; where none is idle, new ones wait in the backlog, as
    /// a place is free with the next close. 10 000: about 20 MB when idle.
    public var maxConnections = 10_000
    /// Open connections of one client: an IPv4 address or an IPv6 /64. One more gets 503 with `Retry-After` and is closed;
    /// `nil` is no limit. 5 000: half of all, so that nobody takes every place. It is the socket's peer that counts,
    /// loopback too: behind a proxy, whose address all clients share, set `nil`.
    public var maxConnectionsPerAddress: Int? = 5_000
    /// Connections that are being told that 503 at one time; those beyond are closed without an answer. 64: an attacker
    /// holds few descriptors more than its limit.
    public var maxTurnedAway = 64
    /// Requests on one connection; the last answer says `Connection: close`. 100 000: lets balancers re-balance at times.
    public var maxRequestsPerConnection = 100_000
    /// Connections the kernel completes before they are accepted. 511: nginx's.
    public var backlog = 511
    /// Rest after accept ran out of descriptors, memory or places; a connection that closes ends it. 100 ms: nobody spins,
    /// recovery feels instant.
    public var acceptBackOff: Duration = .milliseconds(100)

    /// The defaults.
    public init() {}

    var wire: WireLimits {
        WireLimits(
            maxRequestLineBytes: maxRequestLineBytes, maxFieldBytes: maxFieldBytes,
            maxFieldSectionBytes: maxFieldSectionBytes, maxFields: maxFields,
            maxLeadingBlankLines: maxLeadingBlankLines, maxChunkExtensionBytes: maxChunkExtensionBytes,
            maxTrailerBytes: maxTrailerBytes, maxBodyBytes: maxBodyBytes)
    }
}
