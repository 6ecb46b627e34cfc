/// What a preview saw: one page a kind, as a run of the job would have settled it.
struct PreviewReport: Sendable {
    /// In the order of discovery: start pages, then what they lead to.
    var pages: [PreviewPage] = []
    /// Kinds that no page seen led to.
    var unreached: [String] = []
    /// Kinds left out because of ``JobPreview/Limits/maxPages``.
    var leftOut: [String] = []
    /// ``JobPreview/Limits/maxDuration`` has cut it short.
    var ranOutOfTime = false
    var seconds = 0.0
}

/// One page of a preview.
struct PreviewPage: Sendable {
    enum Robots: Sendable {
        case allowed, disallowed
        /// There is no answer from its server: nothing may be fetched.
        case unreachable
        /// The job does not ask, or the page is skipped for another reason.
        case notAsked
    }

    var settlement: PageSettlement
    var robots = Robots.notAsked
    /// Between two fetches from the host, where its robots.txt asks for it.
    var crawlDelay: Duration?
    var finalURL: String?
    var contentType: String?
    /// And what said so, as in `windows-1251 (http)`; nil where no text was read.
    var encoding: String?
    /// The body was longer, and a file's bytes are not looked at.
    var bodyIsCut = false
    var selectors: [PreviewSelector] = []
}

/// What one selector of a page kind found on a page.
struct PreviewSelector: Sendable {
    enum Place: Hashable, Sendable {
        case each
        case field(String)
        /// By the rule's number.
        case follow(Int)
    }

    var place: Place
    /// Matches; of a field, the items in which it matches.
    var matched: Int
    /// What came of them: items, values that are not null, links.
    var values: Int
}
