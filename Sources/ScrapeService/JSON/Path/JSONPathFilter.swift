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
        try spend()
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
        case .number(let text):
            try spend(bytes: text.utf8.count, isConverted: true)
            return .number(JSONNumber(text))
        case .string(let text): return .string(text[...])
        case .query(let path), .value(let path):
            guard let node = try only(path, for: current, root) else { return .nothing }
            return try value(of: node)
        case .count(let path): return .number(JSONNumber(try all(path, for: current, root).count))
        case .length(let operand):
            guard let length = try length(of: try value(operand, for: current, root)) else { return .nothing }
            return .number(JSONNumber(length))
        }
    }

    private mutating func value(of node: Int) throws(JSONPathExhausted) -> Value {
        let entry = document.nodes[node]
        switch entry.kind {
        case .null: return .null
        case .true: return .boolean(true)
        case .false: return .boolean(false)
        case .number:
            try spend(bytes: Int(entry.end - entry.start), isConverted: true)
            return .number(JSONNumber(document.text(of: node)))
        case .string:
            if entry.isEscaped { try spend(bytes: Int(entry.end - entry.start), isConverted: true) }
            return .string(document.characters(of: node))
        case .array, .object: return .tree(node)
        }
    }

    /// §2.4.4: characters, elements or members.
    private mutating func length(of value: Value) throws(JSONPathExhausted) -> Int? {
        switch value {
        case .string(let text):
            try spend(bytes: text.count)
            return text.count { $0 & 0xC0 != 0x80 }
        case .tree(let node): return try count(of: node)
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
        case .less: return try isLess(left, right)
        case .greater: return try isLess(right, left)
        case .lessOrEqual:
            if try isLess(left, right) { return true }
            return try areEqual(left, right)
        case .greaterOrEqual:
            if try isLess(right, left) { return true }
            return try areEqual(left, right)
        }
    }

    private mutating func isLess(_ left: Value, _ right: Value) throws(JSONPathExhausted) -> Bool {
        switch (left, right) {
        case (.number(let left), .number(let right)): return left < right
        case (.string(let left), .string(let right)):
            try spend(bytes: min(left.count, right.count), isConverted: true)
            // The order of UTF-8 is that of the characters' numbers.
            return left.lexicographicallyPrecedes(right)
        default: return false
        }
    }

    private mutating func areEqual(_ left: Value, _ right: Value) throws(JSONPathExhausted) -> Bool {
        switch (left, right) {
        case (.nothing, .nothing), (.null, .null): return true
        case (.boolean(let left), .boolean(let right)): return left == right
        case (.number(let left), .number(let right)): return left == right
        case (.string(let left), .string(let right)):
            try spend(bytes: min(left.count, right.count))
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
        default:
            let left = try value(of: left)
            let right = try value(of: right)
            return try areEqual(left, right)
        }
    }

    private mutating func areEqualArrays(_ left: Int, _ right: Int) throws(JSONPathExhausted) -> Bool {
        // Elements are never replaced: the next one stands behind the one before.
        var first = left + 1
        var second = right + 1
        while first < document.end(of: left), second < document.end(of: right) {
            guard try areEqual(first, second) else { return false }
            first = document.end(of: first)
            second = document.end(of: second)
        }
        return first == document.end(of: left) && second == document.end(of: right)
    }

    /// In any order of their members.
    private mutating func areEqualObjects(_ left: Int, _ right: Int) throws(JSONPathExhausted) -> Bool {
        guard try count(of: left) == count(of: right) else { return false }
        var areEqual = true
        try forEachChild(of: left) { evaluator, first throws(JSONPathExhausted) in
            try evaluator.spend(bytes: Int(evaluator.document.nodes[first].nameLength), isConverted: true)
            let name = Array(evaluator.document.name(of: first).utf8)
            guard let second = try evaluator.member(name, of: right) else {
                areEqual = false
                return false
            }
            areEqual = try evaluator.areEqual(first, second)
            return areEqual
        }
        return areEqual
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
