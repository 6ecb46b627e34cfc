/// Logical expressions, comparisons and functions at work (RFC 9535 §2.3.5.2, §2.4).
extension JSONPathEvaluator {
    /// A value that is compared.
    private enum Value {
        /// The query selected nothing, or the function has no result.
        case nothing
        case null
        case boolean(Bool)
        case number(JSONNumber)
        case string(ArraySlice<UInt8>)
        /// An array or object of the document.
        case tree(Int)
    }

    mutating func holds(
        _ condition: JSONPath.Condition, for current: Int, _ root: Int
    ) throws(JSONPathExhausted) -> Bool {
        switch condition {
        case .or(let alternatives):
            for alternative in alternatives where try holds(alternative, for: current, root) { return true }
            return false
        case .and(let parts):
            for part in parts where try !holds(part, for: current, root) { return false }
            return true
        case .not(let condition): return try !holds(condition, for: current, root)
        case .exists(let path): return try exists(path, for: current, root)
        case .matches(let test): return try matches(test, for: current, root)
        case .compare(let left, let comparison, let right):
            let left = try value(left, for: current, root)
            let right = try value(right, for: current, root)
            return try compare(left, comparison, right)
        }
    }

    // MARK: Values

    private mutating func value(
        _ operand: JSONPath.Operand, for current: Int, _ root: Int
    ) throws(JSONPathExhausted) -> Value {
        switch operand {
        case .null: return .null
        case .boolean(let flag): return .boolean(flag)
        case .number(let text): return .number(JSONNumber(text))
        case .string(let text): return .string(text[...])
        case .query(let path), .value(let path):
            guard let node = try only(path, for: current, root) else { return .nothing }
            return value(of: node)
        case .count(let path): return .number(JSONNumber(try all(path, for: current, root).count))
        case .length(let operand):
            guard let length = try length(of: try value(operand, for: current, root)) else { return .nothing }
            return .number(JSONNumber(length))
        }
    }

    private func value(of node: Int) -> Value {
        switch document.nodes[node].kind {
        case .null: .null
        case .true: .boolean(true)
        case .false: .boolean(false)
        case .number: .number(JSONNumber(document.text(of: node)))
        case .string: .string(document.characters(of: node))
        case .array, .object: .tree(node)
        }
    }

    /// §2.4.4: characters, elements or members.
    private mutating func length(of value: Value) throws(JSONPathExhausted) -> Int? {
        switch value {
        case .string(let text):
            try spend(text.count >> 6)
            return text.count { $0 & 0xC0 != 0x80 }
        case .tree(let node):
            let count = document.count(of: node)
            try spend(count)
            return count
        default: return nil
        }
    }

    // MARK: Regular expressions

    /// False where either is no string, or the pattern is no I-Regexp (§2.4.6).
    private mutating func matches(
        _ test: JSONPath.PatternTest, for current: Int, _ root: Int
    ) throws(JSONPathExhausted) -> Bool {
        guard case .string(let text) = try value(test.text, for: current, root),
            case .string(let source) = try value(test.pattern, for: current, root),
            let pattern = try pattern(Array(source), isWhole: test.isWhole)
        else { return false }
        // Setting up a search costs about as much as a hundred steps.
        try spend(100 + text.count)
        do {
            return try pattern.matches(String(decoding: text, as: UTF8.self), within: &patternSteps)
        } catch {
            throw JSONPathExhausted(message: "regular expressions take too many steps on this document")
        }
    }

    // MARK: Comparisons

    /// §2.3.5.2.2
    private mutating func compare(
        _ left: Value, _ comparison: JSONPath.Comparison, _ right: Value
    ) throws(JSONPathExhausted) -> Bool {
        switch comparison {
        case .equal: return try areEqual(left, right)
        case .notEqual: return try !areEqual(left, right)
        case .less: return isLess(left, right)
        case .greater: return isLess(right, left)
        case .lessOrEqual:
            if isLess(left, right) { return true }
            return try areEqual(left, right)
        case .greaterOrEqual:
            if isLess(right, left) { return true }
            return try areEqual(left, right)
        }
    }

    private func isLess(_ left: Value, _ right: Value) -> Bool {
        switch (left, right) {
        case (.number(let left), .number(let right)): left < right
        // The order of UTF-8 is that of the characters' numbers.
        case (.string(let left), .string(let right)): left.lexicographicallyPrecedes(right)
        default: false
        }
    }

    private mutating func areEqual(_ left: Value, _ right: Value) throws(JSONPathExhausted) -> Bool {
        switch (left, right) {
        case (.nothing, .nothing), (.null, .null): return true
        case (.boolean(let left), .boolean(let right)): return left == right
        case (.number(let left), .number(let right)): return left == right
        case (.string(let left), .string(let right)):
            try spend(left.count >> 6)
            return left == right
        case (.tree(let left), .tree(let right)): return try areEqual(left, right)
        default: return false
        }
    }

    /// Two values of the document. The stack is bounded by the depth that ``JSONRules`` allow.
    private mutating func areEqual(_ left: Int, _ right: Int) throws(JSONPathExhausted) -> Bool {
        try spend()
        let kind = document.nodes[left].kind
        guard kind == document.nodes[right].kind else { return false }
        switch kind {
        case .array: return try areEqualArrays(left, right)
        case .object: return try areEqualObjects(left, right)
        default: return try areEqual(value(of: left), value(of: right))
        }
    }

    private mutating func areEqualArrays(_ left: Int, _ right: Int) throws(JSONPathExhausted) -> Bool {
        var one = document.firstChild(of: left)
        var other = document.firstChild(of: right)
        while let first = one, let second = other {
            guard try areEqual(first, second) else { return false }
            one = document.sibling(after: first, before: document.end(of: left))
            other = document.sibling(after: second, before: document.end(of: right))
        }
        return one == nil && other == nil
    }

    /// In any order of their members.
    private mutating func areEqualObjects(_ left: Int, _ right: Int) throws(JSONPathExhausted) -> Bool {
        guard document.count(of: left) == document.count(of: right) else { return false }
        var one = document.firstChild(of: left)
        while let first = one {
            guard let second = try member(Array(document.name(of: first).utf8), of: right),
                try areEqual(first, second)
            else { return false }
            one = document.sibling(after: first, before: document.end(of: left))
        }
        return true
    }
}

/// A number as filters compare it: exactly where it is an integer of 64 bits, else as a double.
struct JSONNumber: Comparable {
    private var integer: Int?
    private var double: Double

    init(_ integer: Int) {
        self.integer = integer
        double = Double(integer)
    }

    /// `text`: as JSON writes it.
    init(_ text: String) {
        integer = Int(text)
        double = integer.map(Double.init) ?? Double(text) ?? .nan
        if integer == nil { integer = Int(exactly: double) }
    }

    static func == (one: JSONNumber, other: JSONNumber) -> Bool {
        if let one = one.integer, let other = other.integer { return one == other }
        return one.double == other.double
    }

    static func < (one: JSONNumber, other: JSONNumber) -> Bool {
        if let one = one.integer, let other = other.integer { return one < other }
        return one.double < other.double
    }
}
