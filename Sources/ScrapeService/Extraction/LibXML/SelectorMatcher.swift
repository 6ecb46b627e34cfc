internal import CLibXML

/// Matches compiled selectors against the elements of one page, from the subject outwards.
struct SelectorMatcher {
    /// Compounds tried in one page before it is given up: a page of 10 MB with a simple selector needs some
    /// two million, a second of CPU some fifty million; only `:has()` and `~` on hostile pages come near.
    static let maxSteps = 50_000_000

    let isXML: Bool
    private let top: xmlNodePtr
    private let root: xmlNodePtr?
    /// Combinators look no further out than this element; nil is the whole page.
    private var boundary: xmlNodePtr?
    private var anchor: xmlNodePtr?
    private var positions: SiblingPositions?
    private var stepsLeft = SelectorMatcher.maxSteps

    init(page: borrowing PageTree) {
        isXML = page.isXML
        top = page.top
        root = page.root
    }

    /// The page was given up; what matched so far is incomplete.
    var isExhausted: Bool { stepsLeft < 0 }

    /// Whether `element` is what `selector` selects inside `scope` (nil: the page).
    mutating func matches(
        _ element: xmlNodePtr, _ selector: SelectorProgram.Complex, within scope: xmlNodePtr?
    ) -> Bool {
        boundary = scope
        return match(element, selector, from: 0, compound: selector.subject) == .matched
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
    ) -> Outcome {
        guard matches(element, compound) else { return isExhausted ? .failedForGood : .failed }
        guard index < selector.links.count else { return .matched }
        let link = selector.links[index]
        var candidate = step(link.combinator, from: element)
        while let current = candidate {
            let outcome = match(current, selector, from: index + 1, compound: link.compound)
            switch (outcome, link.combinator) {
            case (.matched, _), (.failedForGood, _), (_, .nextSibling):
                return outcome
            case (.failedHere, .child), (.failedHere, .laterSibling):
                return outcome
            case (_, .child):
                return .failedHere
            default:
                candidate = step(link.combinator, from: current)
            }
        }
        return link.combinator.isSibling ? .failedHere : .failedForGood
    }

    private func step(_ combinator: Combinator, from element: xmlNodePtr) -> xmlNodePtr? {
        if element == boundary { return nil }
        return combinator.isSibling ? element.previousElement : element.parentElement
    }

    @inline(__always)
    private mutating func matches(_ element: xmlNodePtr, _ compound: SelectorProgram.Compound) -> Bool {
        stepsLeft -= 1
        if let type = compound.type {
            guard let name = element.pointee.name, sameText(name, isXML ? type.xml : type.html) else {
                return false
            }
        }
        return compound.conditions.isEmpty || matchesAll(element, compound.conditions)
    }

    private mutating func matchesAll(_ element: xmlNodePtr, _ conditions: [SelectorProgram.Condition]) -> Bool
    {
        guard stepsLeft >= 0 else { return false }
        for condition in conditions {
            guard matches(element, condition) else { return false }
        }
        return true
    }

    private mutating func matches(_ element: xmlNodePtr, _ condition: SelectorProgram.Condition) -> Bool {
        switch condition {
        case .id(let id):
            return attribute(MarkupNames.id, of: element).map { sameText($0.value, id) } ?? false
        case .hasClass(let name, let count):
            return attribute(MarkupNames.class, of: element)
                .map { $0.value.hasWord(name, count: count, ignoringCase: false) } ?? false
        case .attribute(let test):
            return attribute(isXML ? test.name.xml : test.name.html, of: element)
                .map { $0.value.satisfies(test) } ?? false
        case .nth(let nth):
            return nth.contains(position(of: element, nth))
        case .isAny(let selectors):
            return matchesAny(element, selectors)
        case .isNone(let selectors):
            return !matchesAny(element, selectors)
        case .has(let selectors):
            return has(element, selectors)
        case .language(let ranges):
            return language(of: element).map { own in ranges.contains { own.satisfies($0) } } ?? false
        case .state(let state):
            return matchesState(element, state)
        }
    }

    private func attribute(_ name: XMLText, of element: xmlNodePtr) -> xmlAttrPtr? { element.attribute(name) }

    private mutating func matchesAny(_ element: xmlNodePtr, _ selectors: [SelectorProgram.Complex]) -> Bool {
        for selector in selectors
        where match(element, selector, from: 0, compound: selector.subject) == .matched { return true }
        return false
    }

    private mutating func position(of element: xmlNodePtr, _ nth: NthCondition) -> Int {
        if positions == nil { positions = SiblingPositions(top: top) }
        return positions?.position(of: element, fromEnd: nth.fromEnd, ofType: nth.ofType) ?? 0
    }

    private func matchesState(_ element: xmlNodePtr, _ state: SimpleSelector) -> Bool {
        switch state {
        case .anchor: element == anchor
        case .scope: element == (boundary ?? root)
        case .root: element == root
        case .empty: element.isEmptyElement
        case .link: element.isLink
        case .checked: element.isChecked
        case .enabled: element.canBeDisabled && !element.isDisabled
        case .disabled: element.isDisabled
        default: false
        }
    }

    private func language(of element: xmlNodePtr) -> XMLText? {
        var node: xmlNodePtr? = element
        while let current = node {
            if let own = current.attribute(MarkupNames.lang) { return own.value }
            node = current.parentElement
        }
        return nil
    }

    private mutating func has(_ element: xmlNodePtr, _ selectors: [SelectorProgram.Relative]) -> Bool {
        let outer = (boundary, anchor)
        defer { (boundary, anchor) = outer }
        boundary = nil
        anchor = element
        for selector in selectors where hasOne(element, selector) { return true }
        return false
    }

    private mutating func hasOne(_ element: xmlNodePtr, _ relative: SelectorProgram.Relative) -> Bool {
        guard relative.startsWithSibling else {
            return anyDescendant(of: element, matches: relative.selector)
        }
        var sibling = element.nextElement
        while let current = sibling, !isExhausted {
            if match(current, relative.selector, from: 0, compound: relative.selector.subject) == .matched {
                return true
            }
            if relative.descends, anyDescendant(of: current, matches: relative.selector) { return true }
            sibling = current.nextElement
        }
        return false
    }

    private mutating func anyDescendant(of element: xmlNodePtr, matches selector: SelectorProgram.Complex)
        -> Bool
    {
        var node = element.following(within: element)
        while let current = node, !isExhausted {
            if current.isElement,
                match(current, selector, from: 0, compound: selector.subject) == .matched
            {
                return true
            }
            node = current.following(within: element)
        }
        return false
    }
}
