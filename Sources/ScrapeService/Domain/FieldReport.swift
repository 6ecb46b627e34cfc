/// What is worth a warning in a page kind's selectors and fields (contract: codes of `warnings`).
struct FieldWarning: Hashable, Sendable {
    enum Code: String, Hashable, Sendable, CaseIterable {
        /// A required field has no value; counted in items.
        case requiredMissing = "required_missing"
        /// What was found cannot be read as the field's type; counted in values.
        case typeMismatch = "type_mismatch"
        /// A selector took more steps than a page is allowed; counted in pages.
        case selectorExhausted = "selector_exhausted"
        /// The same of `match`, `allow` and `deny`.
        case patternExhausted = "pattern_exhausted"
        /// No item has a value for the field; known when the job is over.
        case fieldEmpty = "field_empty"
        /// Pages of a kind with fields were fetched, and none gave an item.
        case noItems = "no_items"
    }

    var code: Code
    /// Position among the page kind's fields; nil: its `each`, or its links.
    var field: Int?
}

/// What one fetched page says of its kind's fields, for the job's coverage and warnings.
struct FieldReport: Hashable, Sendable {
    /// One list an item: the positions of the fields that have no value.
    var unfilled: [[Int]] = []
    var warnings: [FieldWarning: Int] = [:]

    /// Something of the page was not looked at to the end.
    var isExhausted: Bool {
        warnings.keys.contains { $0.code == .selectorExhausted || $0.code == .patternExhausted }
    }

    /// Counts as one page: how often it happens on a page says little.
    mutating func note(_ code: FieldWarning.Code, field: Int? = nil) {
        warnings[FieldWarning(code: code, field: field)] = 1
    }
}

extension FieldValue {
    /// Whether there is anything in it: null, an empty text and a list of such are nothing.
    var isFilled: Bool {
        switch self {
        case .null: false
        case .text(let text): !text.isEmpty
        case .number, .boolean, .object: true
        case .list(let values): values.contains(where: \.isFilled)
        }
    }
}

/// How many of a page kind's items have a value for one of its fields.
struct FieldCoverage: Hashable, Sendable {
    var kind: String
    var field: String
    var filled: Int
    /// Items of the page kind.
    var items: Int
}
