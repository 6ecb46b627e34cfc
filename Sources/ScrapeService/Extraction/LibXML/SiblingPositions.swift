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

    private var places: [Place] = []

    /// Numbers the elements in document order and leaves the number in the node's field for applications.
    init(top: xmlNodePtr) {
        var names: [String: Int32] = [:]
        countChildren(of: top, names: &names)
        var node = top.firstChildOfTree
        while let current = node {
            if current.isElement { countChildren(of: current, names: &names) }
            node = current.following(within: top)
        }
    }

    private mutating func countChildren(of parent: xmlNodePtr, names: inout [String: Int32]) {
        let first = places.count
        var types: [Int32] = []
        var perType: [Int32: Int32] = [:]
        var child = parent.firstChildElement
        while let current = child {
            let name = current.pointee.name.map { String(cString: $0) } ?? ""
            let type = names[name] ?? Int32(names.count)
            names[name] = type
            types.append(type)
            perType[type, default: 0] += 1
            current.pointee._private = UnsafeMutableRawPointer(bitPattern: places.count)
            places.append(
                Place(
                    index: Int32(types.count), count: 0, indexOfType: perType[type] ?? 0, countOfType: 0))
            child = current.nextElement
        }
        for (offset, type) in types.enumerated() {
            places[first + offset].count = Int32(types.count)
            places[first + offset].countOfType = perType[type] ?? 0
        }
    }

    /// From 1.
    func position(of element: xmlNodePtr, fromEnd: Bool, ofType: Bool) -> Int {
        let place = places[Int(bitPattern: element.pointee._private)]
        let index = ofType ? place.indexOfType : place.index
        guard fromEnd else { return Int(index) }
        return Int((ofType ? place.countOfType : place.count) - index + 1)
    }
}
