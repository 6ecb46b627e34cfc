/// Reads the fields of one page: counts what cannot be read, and gives a field up for the rest of the page where its
/// selector or pattern runs away.
struct FieldReader {
    private let readings: [FieldReading]
    private(set) var warnings: [FieldWarning: Int] = [:]
    private var isGivenUp: [Bool]
    private var patternSteps = Pattern.maxPageSteps

    init(_ readings: [FieldReading]) {
        self.readings = readings
        isGivenUp = Array(repeating: false, count: readings.count)
    }

    /// One field of one item; `find` hands its selector's matches over, one by one, until it is told `false`. Nil:
    /// nothing was found. Where a bound was reached the value is null.
    mutating func value(
        of field: Int, find: (_ take: (FieldMatch) throws -> Bool) throws -> Void
    ) throws -> FieldValue? {
        if isGivenUp[field] { return .null }
        let reading = readings[field]
        var values: [FieldValue] = []
        var unreadable = 0
        do {
            try find { match in
                switch try reading.read(match, within: &patternSteps) {
                case .none: return true
                case .unreadable:
                    unreadable += 1
                    values.append(.null)
                case .value(let value): values.append(value)
                }
                return reading.all
            }
        } catch is PatternExhausted {
            return giveUp(field, .patternExhausted)
        } catch ExtractionError.exhausted {
            return giveUp(field, .selectorExhausted)
        }
        if unreadable > 0 {
            warnings[FieldWarning(code: .typeMismatch, field: field), default: 0] += unreadable
        }
        guard let first = values.first else { return nil }
        return reading.all ? .list(values) : first
    }

    /// The selector of `each` or of a rule's links reached its bound: what it found counts for nothing.
    mutating func selectorRanAway() { warnings[FieldWarning(code: .selectorExhausted)] = 1 }

    private mutating func giveUp(_ field: Int, _ code: FieldWarning.Code) -> FieldValue {
        isGivenUp[field] = true
        warnings[FieldWarning(code: code, field: field)] = 1
        return .null
    }
}
