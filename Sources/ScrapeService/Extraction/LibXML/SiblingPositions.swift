internal import CLibXML

/// Every element's place among its siblings, counted once a page: asking the tree each time would be
/// quadratic.
struct SiblingPositions {
    private struct Place {
        var index: Int32
        var count: Int32
        var indexOfType: Int32
        var countOfType: Int32
    }

    /// By ``NodeOrder``'s number.
    private var places: [Place]

    init(top: xmlNodePtr, budget: UnsafeMutablePointer<SelectorBudget>) throws {
        let count = NodeOrder.count(top)
        try budget.pointee.spend(count)
        places = Array(
            repeating: Place(index: 0, count: 0, indexOfType: 0, countOfType: 0), count: count)
        var names: [String: Int] = [:]
        countChildren(of: top, names: &names)
        var node = top.firstChildOfTree
        while let current = node {
            if current.isElement { countChildren(of: current, names: &names) }
            node = current.following(within: top)
        }
    }

    private mutating func countChildren(of parent: xmlNodePtr, names: inout [String: Int]) {
        var types: [(number: Int, type: Int)] = []
        var perType: [Int: Int32] = [:]
        var child = parent.firstChildElement
        while let current = child {
            let name = current.pointee.name.map { String(cString: $0) } ?? ""
            let type = names[name] ?? names.count
            names[name] = type
            let number = NodeOrder.number(of: current)
            types.append((number, type))
            perType[type, default: 0] += 1
            places[number] = Place(
                index: Int32(types.count), count: 0, indexOfType: perType[type] ?? 0, countOfType: 0)
            child = current.nextElement
        }
        for (number, type) in types {
            places[number].count = Int32(types.count)
            places[number].countOfType = perType[type] ?? 0
        }
    }

    /// From 1.
    func position(of element: xmlNodePtr, fromEnd: Bool, ofType: Bool) -> Int {
        let place = places[NodeOrder.number(of: element)]
        let index = ofType ? place.indexOfType : place.index
        guard fromEnd else { return Int(index) }
        return Int((ofType ? place.countOfType : place.count) - index + 1)
    }
}
