/// Elements that keep their number as long as they are there; a number is given again afterwards.
struct Slots<Element> {
    private var elements: [Element?] = []
    private var free: [Int] = []

    var count: Int { elements.count - free.count }

    subscript(_ index: Int) -> Element {
        _read { yield elements[index]! }
        _modify { yield &elements[index]! }
    }

    /// Nil where nothing has this number now.
    func element(at index: Int) -> Element? { elements.indices.contains(index) ? elements[index] : nil }

    mutating func insert(_ element: Element) -> Int {
        if let index = free.popLast() {
            elements[index] = element
            return index
        }
        elements.append(element)
        return elements.count - 1
    }

    mutating func remove(_ index: Int) {
        elements[index] = nil
        free.append(index)
    }
}

/// What can stand in a ``Line``, in one at a time.
protocol Linked {
    var link: Link { get set }
}

/// The neighbours of an element in its line.
struct Link {
    static let none = -1
    var previous = Self.none
    var next = Self.none
}

/// A queue of elements of ``Slots``: to join, to leave from anywhere and to take the first cost the same however long
/// it is.
struct Line {
    private(set) var first = Link.none
    private var last = Link.none
    private(set) var count = 0

    var isEmpty: Bool { count == 0 }

    mutating func append<Element: Linked>(_ index: Int, in slots: inout Slots<Element>) {
        slots[index].link = Link(previous: last)
        if last == Link.none { first = index } else { slots[last].link.next = index }
        last = index
        count += 1
    }

    mutating func remove<Element: Linked>(_ index: Int, in slots: inout Slots<Element>) {
        let link = slots[index].link
        if link.previous == Link.none {
            first = link.next
        } else {
            slots[link.previous].link.next = link.next
        }
        if link.next == Link.none {
            last = link.previous
        } else {
            slots[link.next].link.previous = link.previous
        }
        slots[index].link = Link()
        count -= 1
    }

    mutating func popFirst<Element: Linked>(in slots: inout Slots<Element>) -> Int? {
        guard !isEmpty else { return nil }
        let index = first
        remove(index, in: &slots)
        return index
    }
}
