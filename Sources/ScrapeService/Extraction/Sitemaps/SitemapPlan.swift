/// Reads sitemaps as they are met in the wild: the protocol of sitemaps.org (urlset and sitemapindex), RSS and Atom
/// feeds, lists of URLs as plain text, the `Sitemap` lines of a robots.txt; each of them perhaps gzipped.
///
/// Its two link lists are the two rules of a sitemap's page kind: pages, then further sitemaps.
struct SitemapPlan: PagePlan {
    /// URLs in one sitemap: the protocol's limit. They are stored in one transaction.
    static let maxURLs = 50_000

    /// Throws ``ExtractionError/notSitemap(_:)``, ``ExtractionError/tooLarge(_:)``.
    func extract(_ document: PageDocument) throws -> Extraction {
        let (pages, sitemaps) = try read(unpacked(document))
        guard pages.count + sitemaps.count <= Self.maxURLs else {
            throw ExtractionError.tooLarge("the sitemap names more than \(Self.maxURLs) URLs")
        }
        return Extraction(links: [pages, sitemaps])
    }

    private func unpacked(_ document: PageDocument) throws -> PageDocument {
        guard Gunzip.isGzip(document.body) else { return document }
        do {
            let body = try Gunzip.decode(document.body, maxBytes: JobLimits.maxSitemapBytes)
            // The type was that of the gzip file, and so was its charset.
            return PageDocument(body: body, contentType: nil)
        } catch {
            switch error {
            case .tooLarge:
                throw ExtractionError.tooLarge(
                    "unpacked, the sitemap has more than \(JobLimits.maxSitemapBytes) bytes")
            case .corrupt: throw ExtractionError.notSitemap("it is a gzip file that does not unpack")
            }
        }
    }

    private func read(_ document: PageDocument) throws -> (pages: [String], sitemaps: [String]) {
        let text = try PageText(document)
        let content = text.bytes[text.start...]
        let first = content.first { !Self.isSpace($0) }
        if first == UInt8(ascii: "<") {
            let input = XMLInput(text)
            let elements = try SitemapElements(input.bytes, from: input.start, atMost: Self.maxURLs + 1)
            guard elements.isSitemap else {
                throw ExtractionError.notSitemap(
                    elements.root.map { "its root element is \($0.prefix(100))" } ?? "it has no root element")
            }
            return (elements.pages, elements.sitemaps)
        }
        let lines = content.split { $0 == 10 || $0 == 13 }.lazy.map(Self.trimmed).filter { !$0.isEmpty }
        if let line = lines.first, Self.isURL(line) {
            return (lines.prefix(Self.maxURLs + 1).map { String(decoding: $0, as: UTF8.self) }, [])
        }
        let sitemaps = RobotsFile(Array(content)).sitemaps
        guard !sitemaps.isEmpty else {
            throw ExtractionError.notSitemap(
                "it is neither XML nor a list of URLs, and has no Sitemap line as a robots.txt may")
        }
        return ([], sitemaps)
    }

    private static func isSpace(_ byte: UInt8) -> Bool { byte <= 0x20 }

    private static func trimmed(_ line: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
        var line = line.drop(while: isSpace)
        while let last = line.last, isSpace(last) { line.removeLast() }
        return line
    }

    private static func isURL(_ line: ArraySlice<UInt8>) -> Bool {
        let start = String(decoding: line.prefix(8), as: UTF8.self).asciiLowercased
        return start.hasPrefix("http://") || start.hasPrefix("https://")
    }
}
