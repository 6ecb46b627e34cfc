/// What the URLs and requests of one page may come to: each may be as long as a URL may be however short it is written,
/// for the page's base or a rule's template is put around it.
struct LinkBudget {
    /// Bytes, of all rules and fields together: they are stored in one transaction. The longest sitemap of the protocol
    /// (50 MB) stays within.
    static let maxBytes = 64 << 20
    /// References made absolute before what they came to is counted.
    static let chunk = 1_000

    private(set) var bytes = 0

    /// To be asked before so many bytes are made. Throws ``ExtractionError/tooLarge(_:)``.
    func check(_ more: Int) throws(ExtractionError) {
        guard bytes + more > Self.maxBytes else { return }
        throw ExtractionError.tooLarge(
            "the URLs and requests it names have more than \(Self.maxBytes >> 20) MiB together")
    }

    /// Throws ``ExtractionError/tooLarge(_:)``.
    mutating func spend(_ more: Int) throws(ExtractionError) {
        try check(more)
        bytes += more
    }
}

extension URLParsing {
    /// ``resolve(_:against:)`` in chunks, so that never more is in memory than `take` has counted. `take` is handed the
    /// position of each reference.
    func resolve(
        _ references: [String], against base: String,
        _ take: (Int, WebURL?) throws(ExtractionError) -> Void
    ) throws(ExtractionError) {
        for start in stride(from: 0, to: references.count, by: LinkBudget.chunk) {
            let end = min(start + LinkBudget.chunk, references.count)
            for (offset, url) in resolve(Array(references[start..<end]), against: base).enumerated() {
                try take(start + offset, url)
            }
        }
    }
}
