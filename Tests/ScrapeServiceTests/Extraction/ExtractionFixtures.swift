import Foundation

@testable import ScrapeService

func css(_ source: String) -> Selector { Selector(language: .css, source: source) }

func xpath(_ source: String) -> Selector { Selector(language: .xpath, source: source) }

func makeKind(
    follow: [Selector] = [], each: Selector? = nil, fields: [Field] = []
) -> PageKind {
    PageKind(
        name: "page", follow: follow.map { FollowRule(links: $0, kind: "page") }, each: each, fields: fields)
}

func makePage(_ markup: String, contentType: String? = "text/html; charset=utf-8") -> PageDocument {
    PageDocument(body: Array(markup.utf8), contentType: contentType)
}

func extract(_ kind: PageKind, from page: PageDocument) throws -> Extraction {
    try HTMLPageCompiler().compile(kind).extract(page)
}

/// All that a selector finds in a page, or in each match of `each` apart.
func texts(_ selector: Selector, each: Selector? = nil, in page: PageDocument) throws -> [String] {
    let fields = [Field(name: "value", selector: selector, all: true)]
    return try extract(makeKind(each: each, fields: fields), from: page).items.flatMap { item in
        item[0]?.texts ?? []
    }
}

func text(_ selector: Selector, in page: PageDocument, keepWhitespace: Bool = false) throws -> String? {
    let fields = [Field(name: "value", selector: selector, keepWhitespace: keepWhitespace)]
    guard case .text(let text)?? = try extract(makeKind(fields: fields), from: page).items.first?[0] else {
        return nil
    }
    return text
}

/// What the libraries named in `oracle/make_expected.py` found.
struct Oracle: Decodable {
    struct Elements: Decodable {
        var page: String
        var selector: String
        var ids: [String]
    }

    struct Values: Decodable {
        var page: String
        var language: String
        var each: String?
        var selector: String
        /// One list a match of `each`.
        var values: [[String]]
    }

    struct Help: Decodable {
        struct Case: Decodable {
            var language: String
            var selector: String
            var count: Int
            var fnv1a: String
        }

        var pages: Int
        var cases: [Case]
    }

    var elements: [Elements]
    var values: [Values]
    var help: Help

    enum CodingKeys: String, CodingKey {
        case elements, values
        case help = "gimp_help_nl"
    }

    private static let folder = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "oracle")

    static func load() throws -> Oracle {
        try JSONDecoder().decode(Oracle.self, from: Data(contentsOf: folder.appending(path: "expected.json")))
    }

    static func page(_ name: String) throws -> PageDocument {
        let data = try Data(contentsOf: folder.appending(path: "pages").appending(path: name))
        return PageDocument(body: Array(data), contentType: "text/html; charset=utf-8")
    }
}

func makeSelector(_ language: String, _ source: String) -> Selector {
    language == "css" ? css(source) : xpath(source)
}

extension FieldValue {
    static func texts(_ texts: [String]) -> FieldValue { .list(texts.map(FieldValue.text)) }

    /// The texts of a list; nil where it is none, or has something else in it.
    var texts: [String]? {
        guard case .list(let values) = self else { return nil }
        let texts = values.compactMap { value -> String? in
            if case .text(let text) = value { text } else { nil }
        }
        return texts.count == values.count ? texts : nil
    }
}
