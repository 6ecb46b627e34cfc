/// Compiles a page kind's selectors: JSONPath into a plan on JSON, all others into one on a page's tree.
struct PlanCompiler: PageCompiler {
    private let html = HTMLPageCompiler()

    /// Throws ``SelectorError`` where `selector` does not parse.
    func check(_ selector: Selector) throws {
        guard selector.language == .json else { return try html.check(selector) }
        _ = try JSONPlan.path(selector)
    }

    /// Throws ``SelectorError`` for the first selector that does not parse.
    func compile(_ kind: PageKind) throws -> any PagePlan {
        kind.isJSON ? try JSONPlan(kind) : try html.compile(kind)
    }
}
