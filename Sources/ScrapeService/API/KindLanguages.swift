extension JobReader {
    /// A body is read as JSON or as a page, so a kind's selectors are all JSONPath or none is.
    func checkLanguages(of kind: PageKind, at pointer: String, _ findings: Findings) {
        let links = kind.follow.enumerated().map { ($1.links, "follow/\($0)/links") }
        let each = kind.each.map { [($0, "each")] } ?? []
        let fields = kind.fields.map { ($0.selector, "fields/" + JSONPointer.escape($0.name)) }
        for (selector, place) in links + each + fields where (selector.language == .json) != kind.isJSON {
            let detail =
                kind.isJSON
                ? "is no JSONPath, but an earlier selector of this page kind is"
                : "is JSONPath, but an earlier selector of this page kind is not"
            findings.add("\(pointer)/\(place)", "\(detail): a body is read as JSON or as a page")
        }
    }
}
