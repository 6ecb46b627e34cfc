/// Reads the fields of one page: counts what cannot be read, and gives a field up for the rest of the page where its
/// selector or pattern runs away.
struct FieldReader {
    /// Fields of all items of a page together, each with a value or without: a hundred thousand items of fifty fields.
    /// What an item has no value for is stored as well.
    static let maxItemFields = 5_000_000
    /// Of all values taken from a page together, with what each takes besides: as much as the largest body, of which
    /// a text may be taken many times.
    static let maxValueBytes = 256 << 20
    private static let bytesPerValue = 32

    private let readings: [FieldReading]
    private(set) var warnings: [FieldWarning: Int] = [:]
    private var isGivenUp: [Bool]
    private var givenUp = 0
    private var patternSteps = Pattern.maxPageSteps
    private var itemFields = 0
    private var valueBytes = 0

    init(_ readings: [FieldReading]) {
        self.readings = readings
        isGivenUp = Array(repeating: false, count: readings.count)
    }

    /// The next item: a value for each field, in their order, which `read` gets from ``value(of:find:)``. Nil where no
    /// field matched: one that was given up before tells nothing of this item. Throws
    /// ``ExtractionError/tooLarge(_:)``, and what `read` throws.
    mutating func item(
        _ read: (_ field: Int, _ reader: inout FieldReader) throws -> FieldValue?
    ) throws -> [FieldValue?]? {
        if givenUp == readings.count { return nil }
        var values: [FieldValue?] = []
        values.reserveCapacity(readings.count)
        var matched = false
        for field in readings.indices {
            let isKnown = !isGivenUp[field]
            let value = try read(field, &self)
            matched = matched || isKnown && value != nil
            values.append(value)
        }
        guard matched else { return nil }
        itemFields += readings.count
        if itemFields > Self.maxItemFields {
            throw ExtractionError.tooLarge(
                "the page's items have more than \(Self.maxItemFields) fields together")
        }
        return values
    }

    /// One field of one item; `find` hands its selector's matches over, one by one, until it is told `false`. Nil:
    /// nothing was found. Where a bound was reached the value is null. Throws ``ExtractionError/tooLarge(_:)``.
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
                    try keep(.null)
                    values.append(.null)
                case .value(let value):
                    try keep(value)
                    values.append(value)
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

    private mutating func keep(_ value: FieldValue) throws(ExtractionError) {
        valueBytes += Self.bytesPerValue
        if case .text(let text) = value { valueBytes += text.utf8.count }
        if valueBytes > Self.maxValueBytes {
            throw .tooLarge("the values of the page's fields take more than \(Self.maxValueBytes >> 20) MiB")
        }
    }

    private mutating func giveUp(_ field: Int, _ code: FieldWarning.Code) -> FieldValue {
        isGivenUp[field] = true
        givenUp += 1
        warnings[FieldWarning(code: code, field: field)] = 1
        return .null
    }
}
