/// Reads URLs as browsers do (WHATWG URL) and writes them in the contract's canonical form.
///
/// Hosts are libcurl's work (IDN, addresses in odd spellings). References without an authority are resolved here:
/// libcurl takes 2.5 µs for each, which for a page of 300 links is longer than parsing the page.
/// Credentials in a URL are part of it and are kept; a query is read as UTF-8 whatever the page's encoding.
struct CurlURLs: URLParsing {
    /// In canonical form. 8 KiB: RFC 9110 §4.1 asks for 8000 at least, and servers commonly refuse more.
    static let maxURLBytes = 8 << 10

    func parse(_ text: String) -> WebURL? {
        var resolver = URLResolver(base: nil)
        return resolver.resolve(text)
    }

    func resolve(_ references: [String], against base: String) -> [WebURL?] {
        var resolver = URLResolver(base: parse(base))
        return references.map { resolver.resolve($0) }
    }

    /// A reference as its bytes came, such as a redirect's, which need not be UTF-8.
    func resolve(_ reference: [UInt8], against base: WebURL) -> WebURL? {
        var resolver = URLResolver(base: base)
        return resolver.resolve(reference)
    }
}
