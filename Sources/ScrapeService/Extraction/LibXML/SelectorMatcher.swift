internal import CLibXML

/// Matches compiled selectors against the elements of one page, from the subject outwards. Every compound tried,
/// every node passed on the way and every long value searched is charged to the budget; what throws throws
/// ``ExtractionError/exhausted(_:)``.
struct SelectorMatcher {
    let isXML: Bool
    private let top: xmlNodePtr
    private let root: xmlNodePtr?
    private let budget: UnsafeMutablePointer<SelectorBudget>
    /// Combinators look no further out than this element; nil is the whole page.
    private var boundary: xmlNodePtr?
    private var anchor: xmlNodePtr?
    private var positions: SiblingPositions?

    init(page: borrowing PageTree, budget: UnsafeMutablePointer<SelectorBudget>) {
        isXML = page.isXML
        top = page.top
        root = page.root
        self.budget = budget
    }

    /// Whether `element` is what `selector` selects inside `scope` (nil: the page).
    mutating func matches(
        _ element: xmlNodePtr, _ selector: SelectorProgram.Complex, within scope: xmlNodePtr?
    ) throws -> Bool {
        boundary = scope
        return try match(element, selector, from: 0, compound: selector.subject) == .matched
    }

    /// How a failure bounds what else need be tried (so that backtracking stays linear): see the cases.
    private enum Outcome {
        case matched
        /// An earlier sibling may still do.
        case failed
        /// Only an element further out may still do.
        case failedHere
        /// Nothing can.
        case failedForGood
    }

    private mutating func match(
        _ element: xmlNodePtr, _ selector: SelectorProgram.Complex, from index: Int,
        compound: SelectorProgram.Compound
    ) throws -> Outcome {
        guard try matches(element, compound) else { return .failed }
        guard index < selector.links.count else { return .matched }
        let link = selector.links[index]
        var candidate = try step(link.combinator, from: element)
        while let current = candidate {
            let outcome = try match(current, selector, from: index + 1, compound: link.compound)
            switch (outcome, link.combinator) {
            case (.matched, _), (.failedForGood, _), (_, .nextSibling):
                return outcome
            case (.failedHere, .child), (.failedHere, .laterSibling):
                return outcome
            case (_, .child):
                return .failedHere
            default:
                candidate = try step(link.combinator, from: current)
            }
        }
        return link.combinator.isSibling ? .failedHere : .failedForGood
    }

    private func step(_ combinator: Combinator, from element: xmlNodePtr) throws -> xmlNodePtr? {
        if element == boundary { return nil }
        guard combinator.isSibling else { return element.parentElement }
        return try sibling(of: element) { $0.pointee.prev }
    }

    /// Many comments may stand between two elements.
    private func sibling(
        of element: xmlNodePtr, _ next: (xmlNodePtr) -> xmlNodePtr?
    ) throws -> xmlNodePtr? {
        var node = next(element)
        while let current = node, !current.isElement {
            try budget.pointee.spend()
            node = next(current)
        }
        return node
    }

    @inline(__always)
    private mutating func matches(
        _ element: xmlNodePtr, _ compound: SelectorProgram.Compound
    ) throws -> Bool {
        try budget.pointee.spend()
        if let type = compound.type {
            guard let name = element.pointee.name, sameText(name, isXML ? type.xml : type.html) else {
                return false
            }
        }
        return try compound.conditions.isEmpty || matchesAll(element, compound.conditions)
    }

    private mutating func matchesAll(
        _ element: xmlNodePtr, _ conditions: [SelectorProgram.Condition]
    ) throws -> Bool {
        for condition in conditions {
            // It may look at all attributes.
            try budget.pointee.spend()
            guard try matches(element, condition) else { return false }
        }
        return true
    }

    private mutating func matches(
        _ element: xmlNodePtr, _ condition: SelectorProgram.Condition
    ) throws -> Bool {
        switch condition {
        case .id(let id):
            return element.attribute(MarkupNames.id).map { sameText($0.value, id) } ?? false
        case .hasClass(let name, let count):
            guard let value = element.attribute(MarkupNames.class)?.value else { return false }
            let result = value.hasWord(name, count: count, ignoringCase: false)
            try budget.pointee.spend(bytes: result.bytesRead)
            return result.isFound
        case .attribute(let test):
            guard let value = element.attribute(isXML ? test.name.xml : test.name.html)?.value else {
                return false
            }
            let result = value.satisfies(test)
            try budget.pointee.spend(bytes: result.bytesRead)
            return result.isFound
        case .nth(let nth):
            return nth.contains(try position(of: element, nth))
        case .isAny(let selectors):
            return try matchesAny(element, selectors)
        case .isNone(let selectors):
            return try !matchesAny(element, selectors)
        case .has(let selectors):
            return try has(element, selectors)
        case .language(let ranges):
            guard let own = try language(of: element) else { return false }
            return ranges.contains { own.satisfies($0).isFound }
        case .state(let state):
            return try matchesState(element, state)
        }
    }

    private mutating func matchesAny(
        _ element: xmlNodePtr, _ selectors: [SelectorProgram.Complex]
    ) throws -> Bool {
        for selector in selectors
        where try match(element, selector, from: 0, compound: selector.subject) == .matched { return true }
        return false
    }

    private mutating func position(of element: xmlNodePtr, _ nth: NthCondition) throws -> Int {
        if positions == nil { positions = try SiblingPositions(top: top, budget: budget) }
        return positions?.position(of: element, fromEnd: nth.fromEnd, ofType: nth.ofType) ?? 0
    }

    private func matchesState(_ element: xmlNodePtr, _ state: SimpleSelector) throws -> Bool {
        switch state {
        case .anchor: element == anchor
        case .scope: element == (boundary ?? root)
        case .root: element == root
        case .empty: try element.isEmptyElement(budget)
        case .link: element.isLink
        case .checked: element.isChecked
        case .enabled: try element.canBeDisabled && !element.isDisabled(budget)
        case .disabled: try element.isDisabled(budget)
        default: false
        }
    }

    private func language(of element: xmlNodePtr) throws -> XMLText? {
        var node: xmlNodePtr? = element
        while let current = node {
            if let own = current.attribute(MarkupNames.lang) { return own.value }
            try budget.pointee.spend()
            node = current.parentElement
        }
        return nil
    }

    private mutating func has(
        _ element: xmlNodePtr, _ selectors: [SelectorProgram.Relative]
    ) throws -> Bool {
        let outer = (boundary, anchor)
        defer { (boundary, anchor) = outer }
        boundary = nil
        anchor = element
        for selector in selectors where try hasOne(element, selector) { return true }
        return false
    }

    private mutating func hasOne(
        _ element: xmlNodePtr, _ relative: SelectorProgram.Relative
    ) throws -> Bool {
        guard relative.startsWithSibling else {
            return try anyDescendant(of: element, matches: relative.selector)
        }
        let selector = relative.selector
        var next = try sibling(of: element) { $0.pointee.next }
        while let current = next {
            if try match(current, selector, from: 0, compound: selector.subject) == .matched { return true }
            if relative.descends, try anyDescendant(of: current, matches: selector) { return true }
            next = try sibling(of: current) { $0.pointee.next }
        }
        return false
    }

    private mutating func anyDescendant(
        of element: xmlNodePtr, matches selector: SelectorProgram.Complex
    ) throws -> Bool {
        var node = element.following(within: element)
        while let current = node {
            try budget.pointee.spend()
            if current.isElement,
                try match(current, selector, from: 0, compound: selector.subject) == .matched
            {
                return true
            }
            node = current.following(within: element)
        }
        return false
    }
}
