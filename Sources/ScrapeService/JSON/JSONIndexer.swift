/// What is wrong with a JSON text, and where.
struct JSONError: Error, Hashable, Sendable {
    var message: String
    /// Bytes before the offending one.
    var offset: Int
    /// Both from 1; the column counts bytes.
    var line: Int
    var column: Int
    /// It may be a JSON text, but one beyond the reader's bounds.
    var isBound = false

    init(_ message: String, at offset: Int, in bytes: UnsafeBufferPointer<UInt8>) {
        self.message = message
        self.offset = offset
        line = 1
        var start = 0
        for position in 0..<min(offset, bytes.count) where bytes[position] == UInt8(ascii: "\n") {
            line += 1
            start = position + 1
        }
        column = offset - start + 1
    }
}

/// Reads a JSON text (RFC 8259) in one pass, without recursion, into the entries of a ``JSONDocument``.
struct JSONIndexer {
    private static let none = UInt32.max
    /// Objects with more members are checked for repeated names with a table of hashes.
    private static let maxComparedMembers = 16

    private let bytes: UnsafeBufferPointer<UInt8>
    private let rules: JSONRules
    private var index = 0
    private var depth = 0
    private var nodes: [JSONNode] = []
    /// The innermost array or object that is still open; until it closes, its entry's `end` is the one around it.
    private var open = Self.none
    private var name: (start: Int, length: Int, isEscaped: Bool)?
    /// Of the object that closes, kept for the next one: its members, and the lengths of their names.
    private var members: [Int] = []
    private var lengths: [UInt32] = []

    init(_ bytes: UnsafeBufferPointer<UInt8>, _ rules: JSONRules) {
        self.bytes = bytes
        self.rules = rules
    }

    mutating func read() throws(JSONError) -> [JSONNode] {
        guard bytes.count < Int(UInt32.max) else { throw boundReached("the text is too long") }
        nodes.reserveCapacity(min(valuesAtMost(), rules.maxValues))
        if bytes.starts(with: [0xEF, 0xBB, 0xBF]) { index = 3 }
        repeat { try readValue() } while try readSeparators()
        skipSpace()
        if index < bytes.count { throw failure("something follows the JSON text") }
        return nodes
    }

    /// Each value but the first has a comma, a bracket or a brace before it.
    private func valuesAtMost() -> Int {
        var count = 1
        for byte in bytes
        where byte == UInt8(ascii: ",") || byte == UInt8(ascii: "[") || byte == UInt8(ascii: "{") {
            count &+= 1
        }
        return count
    }

    private var byte: UInt8? { index < bytes.count ? bytes[index] : nil }

    private func failure(_ message: String, at offset: Int? = nil) -> JSONError {
        JSONError(message, at: offset ?? index, in: bytes)
    }

    private func boundReached(_ message: String, at offset: Int? = nil) -> JSONError {
        var error = failure(message, at: offset)
        error.isBound = true
        return error
    }

    private mutating func skipSpace() {
        while index < bytes.count {
            let byte = bytes[index]
            guard byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 else { return }
            index += 1
        }
    }

    // MARK: Values

    /// A scalar, or arrays and objects down to the first scalar or empty one.
    private mutating func readValue() throws(JSONError) {
        while true {
            skipSpace()
            guard let byte else { throw failure("the text ends where a value must stand") }
            switch byte {
            case UInt8(ascii: "{"):
                try begin(.object)
                skipSpace()
                if self.byte == UInt8(ascii: "}") { return try close() }
                try readName()
            case UInt8(ascii: "["):
                try begin(.array)
                skipSpace()
                if self.byte == UInt8(ascii: "]") { return try close() }
            case UInt8(ascii: "\""):
                let start = index + 1
                let isEscaped = try skipString()
                return try append(JSONNode(.string, start: start, end: index - 1, isEscaped: isEscaped))
            case UInt8(ascii: "t"): return try readWord("true", .true)
            case UInt8(ascii: "f"): return try readWord("false", .false)
            case UInt8(ascii: "n"): return try readWord("null", .null)
            case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): return try readNumber()
            default: throw failure("no JSON value begins like this")
            }
        }
    }

    /// What may stand behind a value, to where the next one begins. False: it was the last.
    private mutating func readSeparators() throws(JSONError) -> Bool {
        while open != Self.none {
            skipSpace()
            let isObject = nodes[Int(open)].kind == .object
            if byte == UInt8(ascii: ",") {
                index += 1
                if isObject {
                    skipSpace()
                    try readName()
                }
                return true
            }
            guard byte == (isObject ? UInt8(ascii: "}") : UInt8(ascii: "]")) else {
                throw failure(
                    isObject
                        ? "a comma or a closing brace must follow the member"
                        : "a comma or a closing bracket must follow the element")
            }
            try close()
        }
        return false
    }

    private mutating func append(_ node: JSONNode) throws(JSONError) {
        if nodes.count == rules.maxValues { throw boundReached("more than \(rules.maxValues) values") }
        var node = node
        if let name {
            node.setName(start: name.start, length: name.length, isEscaped: name.isEscaped)
            self.name = nil
        }
        nodes.append(node)
    }

    private mutating func begin(_ kind: JSONNode.Kind) throws(JSONError) {
        depth += 1
        if depth > rules.maxDepth { throw boundReached("nested deeper than \(rules.maxDepth) levels") }
        try append(JSONNode(kind, start: index, end: Int(open)))
        open = UInt32(nodes.count - 1)
        index += 1
    }

    /// At the closing bracket or brace.
    private mutating func close() throws(JSONError) {
        index += 1
        depth -= 1
        let closed = Int(open)
        open = nodes[closed].end
        nodes[closed].end = UInt32(nodes.count)
        if nodes[closed].kind == .object { try checkNames(of: closed) }
    }

    private mutating func readWord(_ word: StaticString, _ kind: JSONNode.Kind) throws(JSONError) {
        let end = index + word.utf8CodeUnitCount
        let matches =
            end <= bytes.count && word.withUTF8Buffer { $0.elementsEqual(bytes[index..<end]) }
        guard matches else { throw failure("no JSON value begins like this") }
        try append(JSONNode(kind, start: index, end: end))
        index = end
    }

    private mutating func digits() -> Int {
        let start = index
        while index < bytes.count, 0x30...0x39 ~= bytes[index] { index += 1 }
        return index - start
    }

    private mutating func readNumber() throws(JSONError) {
        let start = index
        if byte == UInt8(ascii: "-") { index += 1 }
        let first = byte
        let whole = digits()
        guard whole > 0, whole == 1 || first != UInt8(ascii: "0") else {
            throw failure("not a JSON number", at: start)
        }
        if byte == UInt8(ascii: ".") {
            index += 1
            guard digits() > 0 else { throw failure("not a JSON number", at: start) }
        }
        if byte == UInt8(ascii: "e") || byte == UInt8(ascii: "E") {
            index += 1
            if byte == UInt8(ascii: "+") || byte == UInt8(ascii: "-") { index += 1 }
            guard digits() > 0 else { throw failure("not a JSON number", at: start) }
        }
        try append(JSONNode(.number, start: start, end: index))
    }

    // MARK: Strings

    /// Past the closing quote. Returns whether something is escaped.
    private mutating func skipString() throws(JSONError) -> Bool {
        let opening = index
        var isEscaped = false
        index += 1
        while index < bytes.count {
            index = plainEnd(from: index)
            guard let byte else { break }
            if byte == UInt8(ascii: "\"") {
                index += 1
                return isEscaped
            }
            if byte == UInt8(ascii: "\\") {
                isEscaped = true
                try skipEscape(opening)
            } else {
                throw failure("a control character must be escaped in a string")
            }
        }
        throw failure("the string does not end", at: opening)
    }

    /// The first byte from `start` on that is a quote, a backslash or a control character; eight are looked at at once.
    private func plainEnd(from start: Int) -> Int {
        let ones: UInt64 = 0x0101_0101_0101_0101
        let raw = UnsafeRawBufferPointer(bytes)
        var index = start
        while index + 8 <= raw.count {
            let word = raw.loadUnaligned(fromByteOffset: index, as: UInt64.self)
            let quotes = word ^ (ones &* 0x22)
            let backslashes = word ^ (ones &* 0x5C)
            let found =
                ((word &- (ones &* 0x20)) & ~word) | ((quotes &- ones) & ~quotes)
                | ((backslashes &- ones) & ~backslashes)
            if found & (ones &* 0x80) != 0 { break }
            index += 8
        }
        while index < raw.count, raw[index] >= 0x20, raw[index] != 0x22, raw[index] != 0x5C { index += 1 }
        return index
    }

    private mutating func skipEscape(_ opening: Int) throws(JSONError) {
        let start = index
        index += 1
        guard let byte else { throw failure("the string does not end", at: opening) }
        index += 1
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"), UInt8(ascii: "b"),
            UInt8(ascii: "f"), UInt8(ascii: "n"), UInt8(ascii: "r"), UInt8(ascii: "t"):
            return
        case UInt8(ascii: "u"):
            let unit = try skipHex(from: start)
            guard rules.surrogatesArePaired, 0xD800...0xDFFF ~= unit else { return }
            guard unit < 0xDC00, self.byte == UInt8(ascii: "\\"), index + 1 < bytes.count,
                bytes[index + 1] == UInt8(ascii: "u")
            else { throw failure("a lone surrogate is no character", at: start) }
            index += 2
            guard 0xDC00...0xDFFF ~= (try skipHex(from: start)) else {
                throw failure("a lone surrogate is no character", at: start)
            }
        default: throw failure("unknown escape", at: start)
        }
    }

    private mutating func skipHex(from start: Int) throws(JSONError) -> UInt32 {
        var unit: UInt32 = 0
        for offset in index..<index + 4 {
            guard offset < bytes.count, let digit = JSONEscapes.digit(bytes[offset]) else {
                throw failure("\\u needs four hexadecimal digits", at: start)
            }
            unit = unit << 4 | UInt32(digit)
        }
        index += 4
        return unit
    }

    // MARK: Names

    private mutating func readName() throws(JSONError) {
        guard byte == UInt8(ascii: "\"") else { throw failure("a member's name must be a string") }
        let start = index + 1
        let isEscaped = try skipString()
        let length = index - 1 - start
        if length > JSONNode.maxNameBytes { throw boundReached("the name is too long", at: start - 1) }
        name = (start, length, isEscaped)
        skipSpace()
        guard byte == UInt8(ascii: ":") else { throw failure("a colon must follow the name") }
        index += 1
    }

    /// Of members with one name, all but the last are marked as replaced, or are a mistake.
    private mutating func checkNames(of object: Int) throws(JSONError) {
        members.removeAll(keepingCapacity: true)
        lengths.removeAll(keepingCapacity: true)
        var member = object + 1
        while member < nodes.count {
            let node = nodes[member]
            members.append(member)
            // An escaped name may be as long as any other.
            lengths.append(node.isNameEscaped ? .max : node.nameLength)
            member = node.isContainer ? Int(node.end) : member + 1
        }
        guard members.count <= Self.maxComparedMembers else { return try checkManyNames() }
        for later in 0..<members.count {
            let length = lengths[later]
            for earlier in 0..<later
            where (lengths[earlier] == length || lengths[earlier] == .max || length == .max)
                && haveOneName(members[earlier], members[later])
            {
                try replace(members[earlier], by: members[later])
            }
        }
    }

    private mutating func checkManyNames() throws(JSONError) {
        var slots = 1
        while slots < 2 * members.count { slots <<= 1 }
        // Entries' numbers; 0, the whole text, is no member.
        var table = [UInt32](repeating: 0, count: slots)
        for member in members {
            var slot = hash(of: member) & (slots - 1)
            while table[slot] != 0, !haveOneName(Int(table[slot]), member) { slot = (slot + 1) & (slots - 1) }
            if table[slot] != 0 { try replace(Int(table[slot]), by: member) }
            table[slot] = UInt32(member)
        }
    }

    private mutating func replace(_ earlier: Int, by later: Int) throws(JSONError) {
        guard !rules.namesAreUnique else {
            let name = String(decoding: nameBytes(of: later), as: UTF8.self)
            throw failure("the name \"\(name)\" stands twice", at: Int(nodes[later].name) - 1)
        }
        nodes[earlier].replace()
    }

    private func rawName(of member: Int) -> UnsafeBufferPointer<UInt8> {
        let node = nodes[member]
        return UnsafeBufferPointer(rebasing: bytes[Int(node.name)..<Int(node.name + node.nameLength)])
    }

    private func nameBytes(of member: Int) -> [UInt8] {
        let raw = Array(rawName(of: member))
        return nodes[member].isNameEscaped ? JSONEscapes.undo(raw[...]) : raw
    }

    private func haveOneName(_ one: Int, _ other: Int) -> Bool {
        if nodes[one].isNameEscaped || nodes[other].isNameEscaped {
            return nameBytes(of: one) == nameBytes(of: other)
        }
        return nodes[one].nameLength == nodes[other].nameLength
            && rawName(of: one).elementsEqual(rawName(of: other))
    }

    /// Seeded anew in each process: a server cannot choose names that meet in one slot.
    private func hash(of member: Int) -> Int {
        var hasher = Hasher()
        if nodes[member].isNameEscaped {
            nameBytes(of: member).withUnsafeBytes { hasher.combine(bytes: $0) }
        } else {
            hasher.combine(bytes: UnsafeRawBufferPointer(rawName(of: member)))
        }
        return hasher.finalize()
    }
}
