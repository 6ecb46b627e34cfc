internal import CLibXML

/// Names that the matcher itself looks for, as C strings.
enum MarkupNames {
    static var id: XMLText { text("id") }
    static var `class`: XMLText { text("class") }
    static var lang: XMLText { text("lang") }
    static var href: XMLText { text("href") }
    static var src: XMLText { text("src") }
    static var base: XMLText { text("base") }

    /// A literal's bytes end in NUL and live as long as the program.
    @inline(__always)
    static func text(_ literal: StaticString) -> XMLText { literal.utf8Start }
}

/// Pseudo-classes that HTML defines by elements and attributes.
extension xmlNodePtr {
    fileprivate func isNamed(_ names: StaticString...) -> Bool {
        guard let own = pointee.name else { return false }
        return names.contains { sameText(own, $0.utf8Start) }
    }

    private func has(_ attribute: StaticString) -> Bool { self.attribute(attribute.utf8Start) != nil }

    /// Neither elements nor text inside; comments do not count.
    func isEmptyElement(_ budget: UnsafeMutablePointer<SelectorBudget>) throws -> Bool {
        var child = pointee.children
        while let current = child {
            try budget.pointee.spend()
            if current.isElement || (current.isText && current.pointee.content?.pointee ?? 0 != 0) {
                return false
            }
            child = current.pointee.next
        }
        return true
    }

    var isLink: Bool { isNamed("a", "area") && has("href") }

    var isChecked: Bool {
        if isNamed("option") { return has("selected") }
        guard isNamed("input"), has("checked"), let type = attribute(MarkupNames.text("type"))?.value else {
            return false
        }
        return ["checkbox", "radio"].contains(String(cString: type).asciiLowercased)
    }

    var canBeDisabled: Bool {
        isNamed("button", "input", "select", "textarea", "optgroup", "option", "fieldset")
    }

    /// HTML, section 4.16.3: by its own attribute, its option group's or a field set's around it.
    func isDisabled(_ budget: UnsafeMutablePointer<SelectorBudget>) throws -> Bool {
        guard canBeDisabled else { return false }
        if has("disabled") { return true }
        if isNamed("option") {
            return parentElement.map { $0.isNamed("optgroup") && $0.has("disabled") } ?? false
        }
        return try !isNamed("optgroup") && isInDisabledFieldset(budget)
    }

    private func isInDisabledFieldset(_ budget: UnsafeMutablePointer<SelectorBudget>) throws -> Bool {
        var inner = self
        while let outer = inner.parentElement {
            try budget.pointee.spend()
            if outer.isNamed("fieldset"), outer.has("disabled"), try !inner.isFirstLegend(budget) {
                return true
            }
            inner = outer
        }
        return false
    }

    /// What stands in a field set's first legend stays enabled.
    private func isFirstLegend(_ budget: UnsafeMutablePointer<SelectorBudget>) throws -> Bool {
        guard isNamed("legend") else { return false }
        var earlier = pointee.prev
        while let current = earlier {
            try budget.pointee.spend()
            if current.isElement, current.isNamed("legend") { return false }
            earlier = current.pointee.prev
        }
        return true
    }
}
