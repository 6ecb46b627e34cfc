/// Compiles a page kind's selectors into a plan on libxml2's tree.
struct HTMLPageCompiler: PageCompiler {
    /// Throws ``SelectorError`` where `selector` does not parse.
    func check(_ selector: Selector) throws {
        _ = try PageQueries([Self.query(selector)])
    }

    /// Throws ``SelectorError`` for the first selector that does not parse.
    func compile(_ kind: PageKind) throws -> any PagePlan {
        kind.isSitemap ? SitemapPlan() : try TreePlan(kind)
    }

    static func query(_ selector: Selector) throws -> PageQuery {
        switch selector.language {
        case .css:
            return .css(SelectorProgram(try SelectorParser.parse(selector.source)))
        case .xpath:
            let source = selector.source
            return source.allSatisfy { $0 == "." || $0.isWhitespace } && source.count { $0 == "." } == 1
                ? .itself : .xpath(try XPathParser.parse(source))
        case .json:
            throw SelectorError(message: "JSONPath selects nothing in HTML", offset: nil)
        }
    }
}
