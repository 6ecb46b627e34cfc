/// A page kind's selectors, compiled once a job: bytes in, items and links out. Called from many threads at once.
protocol PagePlan: Sendable {
    /// Throws ``ExtractionError``; bad markup is no error.
    func extract(_ document: PageDocument) throws -> Extraction
}

protocol PageCompiler: Sendable {
    /// Throws ``SelectorError`` where `selector` does not parse.
    func check(_ selector: Selector) throws
    /// Throws ``SelectorError`` for the first selector that does not parse.
    func compile(_ kind: PageKind) throws -> any PagePlan
}

struct PageDocument: Sendable {
    var body: [UInt8]
    /// The `Content-Type` field, whole: it may name the encoding.
    var contentType: String?
}

struct Extraction: Sendable {
    /// One value a field, in the kind's order; nil where nothing matched. Every item has at least one value.
    var items: [[FieldValue?]] = []
    /// As written in the page, one list a follow rule, in the kind's order.
    var links: [[String]] = []
    /// The first `<base href>`, as written.
    var base: String?
    /// The encoding and what said so (`bom`, `http`, `meta`, `xml`, `detected`, `default`), as in `windows-1251 (http)`.
    var encoding: String?
    /// What was given up or could not be read, and how often.
    var warnings: [FieldWarning: Int] = [:]
}

/// The value of an item's field.
indirect enum FieldValue: Hashable, Sendable {
    case text(String)
    /// A number as JSON writes it.
    case number(String)
    case boolean(Bool)
    case null
    case list([FieldValue])
    case object([Member])

    struct Member: Hashable, Sendable {
        var name: String
        var value: FieldValue
    }
}

/// A selector that does not parse: what is wrong, and at which character of the source (from 0) where that is known.
struct SelectorError: Error, Hashable, Sendable {
    var message: String
    var offset: Int?
}

enum ExtractionError: Error, Hashable, Sendable {
    /// The body is no text: its type or its bytes say so.
    case notText
    /// The body is no JSON: what is wrong, and where.
    case notJSON(String)
    /// What it is instead.
    case notSitemap(String)
    /// More than one page may give: which limit it is.
    case tooLarge(String)
    case failed(String)
    /// A selector, or all of a page's together, would cost too much on this page; what they found so far is
    /// incomplete.
    case exhausted(String)
}
