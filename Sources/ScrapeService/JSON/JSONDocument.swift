/// A JSON text (RFC 8259) as it came, with a table of its values: for large answers of which little is taken.
///
/// The table has one entry a value, in the order of the text: what is in an array or object stands right behind it, so
/// the descendants of a value are a range of entries. A value is told by its entry's number; the first is the whole.
struct JSONDocument: Sendable {
    let bytes: [UInt8]
    let nodes: [JSONNode]

    /// Strings must be UTF-8: what is not is read as U+FFFD. A byte order mark is ignored, as RFC 8259 §8.1 allows.
    init(_ bytes: [UInt8], rules: JSONRules = .web) throws(JSONError) {
        let outcome = bytes.withUnsafeBufferPointer { buffer in
            Result { () throws(JSONError) in
                var indexer = JSONIndexer(buffer, rules)
                return try indexer.read()
            }
        }
        nodes = try outcome.get()
        self.bytes = bytes
    }

    // MARK: Walking

    /// The number past the value and all that is in it.
    func end(of node: Int) -> Int {
        let entry = nodes[node]
        return entry.isContainer ? Int(entry.end) : node + 1
    }

    /// The first element or member.
    func firstChild(of node: Int) -> Int? {
        guard nodes[node].isContainer else { return nil }
        return live(node + 1, before: end(of: node))
    }

    /// The next element or member of the same parent, whose values end before `end`.
    func sibling(after node: Int, before end: Int) -> Int? { live(self.end(of: node), before: end) }

    /// Members that a later one of the same name replaced are passed over.
    private func live(_ node: Int, before end: Int) -> Int? {
        var node = node
        while node < end {
            if !nodes[node].isReplaced { return node }
            node = self.end(of: node)
        }
        return nil
    }

    /// How many elements or members.
    func count(of node: Int) -> Int {
        let end = end(of: node)
        var count = 0
        var child = firstChild(of: node)
        while let found = child {
            count += 1
            child = sibling(after: found, before: end)
        }
        return count
    }

    // MARK: Reading

    /// Of a string, escapes undone; of anything else, what stands in the text (of arrays and objects nothing).
    func text(of node: Int) -> String {
        let entry = nodes[node]
        guard !entry.isContainer else { return "" }
        return text(from: entry.start, to: entry.end, isEscaped: entry.isEscaped)
    }

    /// The name of a member; empty for what is none.
    func name(of node: Int) -> String {
        let entry = nodes[node]
        return text(from: entry.name, to: entry.name + entry.nameLength, isEscaped: entry.isNameEscaped)
    }

    func hasName(_ node: Int, _ name: [UInt8]) -> Bool {
        let entry = nodes[node]
        guard !entry.isNameEscaped else { return Array(self.name(of: node).utf8) == name }
        guard Int(entry.nameLength) == name.count else { return false }
        let start = Int(entry.name)
        for offset in name.indices where bytes[start + offset] != name[offset] { return false }
        return true
    }

    /// UTF-8 of a string, escapes undone.
    func characters(of node: Int) -> ArraySlice<UInt8> {
        let entry = nodes[node]
        return characters(from: entry.start, to: entry.end, isEscaped: entry.isEscaped)
    }

    private func characters(from start: UInt32, to end: UInt32, isEscaped: Bool) -> ArraySlice<UInt8> {
        let slice = bytes[Int(start)..<Int(end)]
        return isEscaped ? JSONEscapes.undo(slice)[...] : slice
    }

    private func text(from start: UInt32, to end: UInt32, isEscaped: Bool) -> String {
        String(decoding: characters(from: start, to: end, isEscaped: isEscaped), as: UTF8.self)
    }

    /// What the value takes in the text, about, and as a tree besides.
    func cost(of node: Int) -> Int {
        let entry = nodes[node]
        let last = nodes[end(of: node) - 1]
        return Int((last.isContainer ? last.start : last.end) - entry.start) + 32 * (end(of: node) - node)
    }

    /// The value as a tree.
    func value(of node: Int) -> JSONValue {
        switch nodes[node].kind {
        case .null: return .null
        case .true: return .bool(true)
        case .false: return .bool(false)
        case .number: return .number(text(of: node))
        case .string: return .string(text(of: node))
        case .array:
            var elements: [JSONValue] = []
            forEachChild(of: node) { elements.append(value(of: $0)) }
            return .array(elements)
        case .object:
            var members: [JSONValue.Member] = []
            forEachChild(of: node) { members.append(JSONValue.Member(name(of: $0), value(of: $0))) }
            return .object(members)
        }
    }

    func forEachChild(of node: Int, _ body: (Int) throws -> Void) rethrows {
        let end = end(of: node)
        var child = firstChild(of: node)
        while let found = child {
            try body(found)
            child = sibling(after: found, before: end)
        }
    }
}

/// One value of a ``JSONDocument``: 16 bytes.
struct JSONNode: Sendable {
    enum Kind: UInt32, Sendable {
        case null, `true`, `false`, number, string, array, object
    }

    /// Longer names are refused: the length shares its word.
    static let maxNameBytes = 1 << 26 - 1

    /// The first byte; of a string, the one behind the quote.
    var start: UInt32
    /// Of arrays and objects, the number of the entry past the last one inside; of others, the byte past the last.
    var end: UInt32
    /// The first byte of the member's name.
    var name: UInt32
    private var bits: UInt32

    init(_ kind: Kind, start: Int, end: Int, isEscaped: Bool = false) {
        self.start = UInt32(start)
        self.end = UInt32(end)
        name = 0
        bits = kind.rawValue | (isEscaped ? 8 : 0)
    }

    mutating func setName(start: Int, length: Int, isEscaped: Bool) {
        name = UInt32(start)
        bits |= UInt32(length) << 6 | (isEscaped ? 16 : 0)
    }

    mutating func replace() { bits |= 32 }

    var kind: Kind { Kind(rawValue: bits & 7)! }
    var isContainer: Bool { bits & 7 >= Kind.array.rawValue }
    var isEscaped: Bool { bits & 8 != 0 }
    var isNameEscaped: Bool { bits & 16 != 0 }
    /// A later member of the same object has the same name.
    var isReplaced: Bool { bits & 32 != 0 }
    var nameLength: UInt32 { bits >> 6 }
}

/// How strictly a JSON text is read.
struct JSONRules: Sendable {
    /// Arrays and objects within each other.
    var maxDepth: Int
    /// Values of the whole text: 16 bytes of memory each.
    var maxValues: Int
    /// Else the last of several members of a name counts, as in the web's parsers.
    var namesAreUnique: Bool
    /// Else a lone surrogate is read as U+FFFD.
    var surrogatesArePaired: Bool

    /// What clients send. No job needs more than ten levels.
    static let strict = JSONRules(
        maxDepth: 64, maxValues: 10_000_000, namesAreUnique: true, surrogatesArePaired: true)
    /// What servers answer. Postgres takes some thousand levels, and so does the stack that writes them.
    static let web = JSONRules(
        maxDepth: 1000, maxValues: 10_000_000, namesAreUnique: false, surrogatesArePaired: false)
    /// Items as they are stored: what servers answer, with some levels around it.
    static let stored = JSONRules(
        maxDepth: 1010, maxValues: .max, namesAreUnique: false, surrogatesArePaired: false)
}

/// The escapes of a string (RFC 8259 §7), already found to be well-formed.
enum JSONEscapes {
    static func undo(_ bytes: ArraySlice<UInt8>) -> [UInt8] {
        var text: [UInt8] = []
        text.reserveCapacity(bytes.count)
        var index = bytes.startIndex
        while index < bytes.endIndex {
            guard bytes[index] == UInt8(ascii: "\\") else {
                text.append(bytes[index])
                index += 1
                continue
            }
            let letter = bytes[index + 1]
            index += 2
            switch letter {
            case UInt8(ascii: "b"): text.append(0x08)
            case UInt8(ascii: "f"): text.append(0x0C)
            case UInt8(ascii: "n"): text.append(0x0A)
            case UInt8(ascii: "r"): text.append(0x0D)
            case UInt8(ascii: "t"): text.append(0x09)
            case UInt8(ascii: "u"): text.append(contentsOf: character(bytes, &index))
            default: text.append(letter)
            }
        }
        return text
    }

    /// `index`: of the first hexadecimal digit.
    private static func character(_ bytes: ArraySlice<UInt8>, _ index: inout Int) -> [UInt8] {
        let unit = hex(bytes, index)
        index += 4
        if let scalar = Unicode.Scalar(unit) { return Array(String(Character(scalar)).utf8) }
        if unit < 0xDC00, index + 6 <= bytes.endIndex, bytes[index] == UInt8(ascii: "\\"),
            bytes[index + 1] == UInt8(ascii: "u")
        {
            let low = hex(bytes, index + 2)
            if 0xDC00...0xDFFF ~= low,
                let scalar = Unicode.Scalar(0x10000 + ((unit - 0xD800) << 10) + (low - 0xDC00))
            {
                index += 6
                return Array(String(Character(scalar)).utf8)
            }
        }
        return [0xEF, 0xBF, 0xBD]
    }

    private static func hex(_ bytes: ArraySlice<UInt8>, _ start: Int) -> UInt32 {
        bytes[start..<start + 4].reduce(0) { $0 << 4 | UInt32(digit($1) ?? 0) }
    }

    static func digit(_ byte: UInt8) -> UInt8? {
        switch byte {
        case 0x30...0x39: byte - 0x30
        case 0x41...0x46: byte - 0x41 + 10
        case 0x61...0x66: byte - 0x61 + 10
        default: nil
        }
    }
}
