/// What one fetch asks for next, and what it may tell that server: redirects as RFC 9110 §15.4 and the Fetch standard
/// (§4.4, HTTP-redirect fetch) have them. Pure.
struct RedirectChain {
    /// What was said of one URL's state is not asked of another's (RFC 9110 §13.1).
    private static let ofOneURL: Set<String> = [
        "if-match", "if-modified-since", "if-none-match", "if-range", "if-unmodified-since",
    ]
    /// Fields that describe a body: they go where it goes.
    private static let ofTheBody: Set<String> = [
        "content-encoding", "content-language", "content-location", "content-type",
    ]

    /// What is asked for now; in the end, where the answer came from.
    private(set) var url: WebURL
    private(set) var method: String
    private(set) var body: [UInt8]?
    private(set) var headers: [HeaderField]
    private let first: WebURL
    private let maxRedirects: Int
    private(set) var redirects = 0
    /// Once true, always true: a way back to the first origin does not bring its credentials back.
    private var hasLeftOrigin = false

    init(_ request: FetchRequest) {
        url = request.url
        first = request.url
        method = request.method ?? (request.body == nil ? "GET" : "POST")
        // A POST always has a body, if an empty one.
        body = request.body ?? (method == "POST" ? [] : nil)
        headers = request.headers
        maxRedirects = request.maxRedirects
    }

    /// Whether a redirect would be followed, or be one too many, rather than be the answer.
    var follows: Bool { maxRedirects > 0 }

    /// ``url`` as it is asked for: with the credentials of the first URL, where it is of the same origin and has none.
    var target: String {
        guard redirects > 0, !hasLeftOrigin, let credentials = Self.credentials(of: first),
            Self.credentials(of: url) == nil, let colon = url.text.firstIndex(of: ":")
        else { return url.text }
        let authority = url.text.index(colon, offsetBy: 3)
        return url.text[..<authority] + credentials + "@" + url.text[authority...]
    }

    /// Turns to where an answer redirects; false where that answer is the last.
    mutating func follow(_ answer: CurlAnswer, _ urls: CurlURLs) throws(CurlFailure) -> Bool {
        guard follows, let location = answer.location else { return false }
        guard redirects < maxRedirects else { throw CurlFailure(cause: .tooManyRedirects) }
        guard let next = urls.resolve(location, against: url) else {
            throw CurlFailure(cause: .schemeRefused)
        }
        redirects += 1
        if becomesGET(answer.status) {
            method = "GET"
            body = nil
            drop(Self.ofTheBody)
        }
        if redirects == 1 { drop(Self.ofOneURL) }
        if !hasLeftOrigin, next.origin != first.origin {
            hasLeftOrigin = true
            headers.removeAll(where: \.isSecret)
        }
        url = next
        return true
    }

    /// 303 asks for it; after 301 and 302 everybody makes a POST a GET, and only that. 307 and 308 keep the request.
    private func becomesGET(_ status: Int) -> Bool {
        switch status {
        case 301, 302: method == "POST"
        case 303: method != "GET"
        default: false
        }
    }

    private mutating func drop(_ names: Set<String>) {
        headers.removeAll { names.contains($0.name.lowercased()) }
    }

    /// `user:password`, as written.
    private static func credentials(of url: WebURL) -> Substring? {
        guard let colon = url.text.firstIndex(of: ":") else { return nil }
        let authority = url.text[url.text.index(colon, offsetBy: 3)...].prefix { $0 != "/" }
        return authority.lastIndex(of: "@").map { authority[..<$0] }
    }
}
