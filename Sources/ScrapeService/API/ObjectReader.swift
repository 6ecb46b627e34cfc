/// Collects what is wrong with a body, each place once.
final class Findings {
    /// A body with more mistakes than this is told the first ones.
    static let maxPlaces = 50

    private(set) var places: [Problem.Place] = []

    func add(_ pointer: String, _ detail: String) {
        if places.count < Self.maxPlaces { places.append(Problem.Place(pointer: pointer, detail: detail)) }
    }
}

/// Reads one JSON object strictly: every member is asked for by name, what nobody asked for is a finding.
struct ObjectReader {
    let pointer: String
    let findings: Findings
    private let members: [JSONValue.Member]
    private var asked: Set<String> = []

    /// Nil, and a finding, where `value` is no object.
    init?(_ value: JSONValue, at pointer: String, _ findings: Findings) {
        guard case .object(let members) = value else {
            findings.add(pointer, "must be an object, not \(value.kind)")
            return nil
        }
        self.members = members
        self.pointer = pointer
        self.findings = findings
    }

    func place(_ name: String) -> String { pointer + "/" + JSONPointer.escape(name) }

    mutating func value(_ name: String) -> JSONValue? {
        asked.insert(name)
        return members.first { $0.name == name }?.value
    }

    /// Every member, as a map whose names the client chose.
    mutating func entries() -> [JSONValue.Member] {
        asked.formUnion(members.map(\.name))
        return members
    }

    mutating func required(_ name: String) -> JSONValue? {
        let value = value(name)
        if value == nil { findings.add(place(name), "is required") }
        return value
    }

    mutating func string(_ name: String, maxLength: Int) -> String? {
        guard let value = value(name) else { return nil }
        return Self.text(value, at: place(name), maxLength: maxLength, findings)
    }

    mutating func bool(_ name: String) -> Bool? {
        guard let value = value(name) else { return nil }
        guard case .bool(let flag) = value else {
            findings.add(place(name), "must be a boolean, not \(value.kind)")
            return nil
        }
        return flag
    }

    mutating func int(_ name: String, in range: ClosedRange<Int>) -> Int? {
        guard let value = value(name) else { return nil }
        guard let int = value.int, range.contains(int) else {
            let upper = range.upperBound == .max ? "or more" : "to \(range.upperBound)"
            findings.add(place(name), "must be a whole number, \(range.lowerBound) \(upper)")
            return nil
        }
        return int
    }

    /// Seconds, more than none.
    mutating func seconds(_ name: String, max: Double) -> Double? {
        guard let value = value(name) else { return nil }
        guard let double = value.double, double > 0, double <= max else {
            findings.add(place(name), "must be a number of seconds, more than 0 and at most \(Int(max))")
            return nil
        }
        return double
    }

    /// How often a second.
    mutating func rate(_ name: String, min: Double, max: Double) -> Double? {
        guard let value = value(name) else { return nil }
        guard let double = value.double, double >= min, double <= max else {
            findings.add(place(name), "must be a number, \(min) to \(Int(max))")
            return nil
        }
        return double
    }

    mutating func choice(_ name: String, _ choices: [String]) -> String? {
        guard let value = value(name) else { return nil }
        guard let text = value.string, choices.contains(text) else {
            findings.add(place(name), "must be one of \(choices.joined(separator: ", "))")
            return nil
        }
        return text
    }

    /// Part of the contract that this version cannot do: refused, never half-done.
    mutating func unsupported(_ name: String, _ what: String, unless harmless: JSONValue? = nil) {
        guard let value = value(name), value != harmless else { return }
        findings.add(place(name), "\(what) not supported by this version of the service")
    }

    /// Call last: whatever was not asked for is unknown.
    func finish() {
        for member in members where !asked.contains(member.name) {
            findings.add(place(member.name), "unknown field")
        }
    }

    /// A string without control characters: names, header values and URLs have no use for them.
    static func text(_ value: JSONValue, at pointer: String, maxLength: Int, _ findings: Findings) -> String?
    {
        guard let text = value.string else {
            findings.add(pointer, "must be a string, not \(value.kind)")
            return nil
        }
        if text.unicodeScalars.contains(where: { $0.value < 0x20 || $0.value == 0x7F }) {
            findings.add(pointer, "must not contain control characters")
            return nil
        }
        if text.unicodeScalars.count > maxLength {
            findings.add(pointer, "must have at most \(maxLength) characters")
            return nil
        }
        return text
    }
}
