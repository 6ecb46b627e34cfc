/// How one ``CurlFetcher`` fetches: its limits, and where it may go.
struct FetchConfiguration: Sendable {
    /// Addresses that may be dialled.
    var egress = EgressPolicy()
    /// Connections, buffers and certificates.
    var curl = CurlSettings()
    /// Looking up host names.
    var names = NameSettings()
}
