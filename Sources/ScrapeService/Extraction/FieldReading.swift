/// What a field's selector found: the text of a node, or a value of a JSON body.
enum FieldMatch: Hashable, Sendable {
    case text(String)
    case json(JSONValue)
}

/// How one match of a field's selector is read: `match`, then `type`. Compiled once a job.
struct FieldReading: Sendable {
    private let pattern: Pattern?
    private let type: FieldType
    /// Every match counts, not only the first.
    let all: Bool
    private let keepsWhitespace: Bool

    /// What became of one match.
    enum Value: Hashable, Sendable {
        /// `match` is not in it: as if the selector had not found it.
        case none
        /// It cannot be read as the field's type.
        case unreadable
        case value(FieldValue)
    }

    /// Throws ``SelectorError`` where `match` does not parse.
    init(_ field: Field) throws {
        type = field.type
        all = field.all
        keepsWhitespace = field.keepWhitespace
        do throws(PatternError) {
            pattern = try field.match.map { source throws(PatternError) in try Pattern(source) }
        } catch {
            throw SelectorError(message: error.message, offset: error.offset)
        }
    }

    /// `.text` comes trimmed unless the field keeps white space. `allowance`: see ``Pattern``.
    func read(_ match: FieldMatch, within allowance: inout Int) throws(PatternExhausted) -> Value {
        guard let pattern else {
            switch match {
            case .text(let text): return result(FieldConversion.value(of: text, as: type))
            case .json(let value):
                return result(FieldConversion.value(of: value, as: type, trimmed: !keepsWhitespace))
            }
        }
        guard let text = FieldConversion.text(of: match),
            let found = try pattern.firstGroup(in: text, within: &allowance)
        else { return .none }
        return result(
            FieldConversion.value(of: keepsWhitespace ? found : FieldConversion.trimmed(found), as: type))
    }

    private func result(_ value: FieldValue?) -> Value { value.map(Value.value) ?? .unreadable }
}
