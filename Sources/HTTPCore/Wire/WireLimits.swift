/// What the parser refuses for its size; `ServerLimits` says why these defaults.
struct WireLimits: Hashable, Sendable {
    var maxRequestLineBytes = 8192
    var maxFieldBytes = 8192
    var maxFieldSectionBytes = 32768
    var maxFields = 100
    var maxLeadingBlankLines = 8
    var maxChunkExtensionBytes = 1024
    var maxTrailerBytes = 8192
    var maxBodyBytes = 16 << 20
}
