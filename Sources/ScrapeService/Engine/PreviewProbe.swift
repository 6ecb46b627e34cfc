/// Counts what each selector of a page kind matches, where the plan of a run keeps only what came of it.
struct PreviewProbe: Sendable {
    private let kind: PageKind
    /// Nil: its selectors are not the job's.
    private let plan: (any PagePlan)?
    /// What the selectors of all follow rules match, links or not.
    private let linkPlan: (any PagePlan)?

    /// Throws ``SelectorError``.
    init(_ kind: PageKind, _ compiler: any PageCompiler) throws {
        self.kind = kind
        let selectors =
            [kind.each].compactMap(\.self) + kind.fields.map(\.selector) + kind.follow.map(\.links)
        // The match itself, in the language of the kind: there is one value for each.
        let itself =
            selectors.contains { $0.language == .json }
            ? Selector(language: .json, source: "$") : Selector(language: .xpath, source: ".")
        var probe = PageKind(name: kind.name, follow: kind.follow, each: kind.each)
        // Without what a field makes of its text: a selector that matches is told from a type that does not fit.
        probe.fields = [Field(name: "", selector: itself)]
        probe.fields += kind.fields.map { Field(name: $0.name, selector: $0.selector) }
        plan = kind.isSitemap ? nil : try compiler.compile(probe)
        probe = PageKind(name: kind.name)
        probe.fields = kind.follow.map { Field(name: "", selector: $0.links, all: true) }
        linkPlan = kind.isSitemap || kind.follow.isEmpty ? nil : try compiler.compile(probe)
    }

    /// Runs on a worker. `items`: what a run keeps of the page. Throws ``ExtractionError``.
    func count(
        _ document: PageDocument, keeping items: [ItemData]
    ) throws -> (selectors: [PreviewSelector], encoding: String?) {
        guard let found = try plan?.extract(document) else { return ([], nil) }
        let kept = items.map { item in
            (try? JSONDocument(Array(item.json.utf8), rules: .stored).value(of: 0)) ?? .null
        }
        var selectors: [PreviewSelector] = []
        if kind.each != nil {
            selectors.append(
                PreviewSelector(place: .each, matched: found.items.count, values: items.count))
        }
        for (index, field) in kind.fields.enumerated() {
            selectors.append(
                PreviewSelector(
                    place: .field(field.name), matched: found.items.count { $0[index + 1] != nil },
                    values: kept.count { ($0[field.name] ?? .null) != .null }))
        }
        // A match without the attribute is passed over: none at all may be the wrong element. One extraction for all
        // rules, as a page's selectors may take seconds together.
        let isWanted = found.links.contains(where: \.isEmpty)
        let matches = isWanted ? try linkPlan?.extract(document).items.first : nil
        for (index, links) in found.links.enumerated() {
            let matched = links.isEmpty ? Self.count(matches?[index]) : links.count
            selectors.append(
                PreviewSelector(place: .follow(index), matched: matched, values: links.count))
        }
        return (selectors, found.encoding)
    }

    private static func count(_ value: FieldValue??) -> Int {
        guard case .list(let values)?? = value else { return 0 }
        return values.count
    }
}
