internal import CPCRE2

/// A regular expression that does not parse: what is wrong, and at which character of the source (from 0).
struct PatternError: Error, Hashable, Sendable {
    var message: String
    var offset: Int
}

/// A search that was given up: the pattern takes too many steps on this text.
struct PatternExhausted: Error, Hashable, Sendable {}

/// A client's regular expression: Perl's syntax (PCRE2) on Unicode text, `\d`, `\w` and `\s` by Unicode properties as
/// in Python. Compiled once, used from many threads.
///
/// PCRE2 backtracks, so an expression may take exponential time. Every search has a budget of steps (``maxSteps(in:)``):
/// an item of the expression tried is one, and so is each byte the search moves over. The count does not depend on
/// the machine, so a pattern that runs away does so everywhere.
// Unchecked because of the pointer: PCRE2 only reads compiled code (pcre2api, "Multithreading").
final class Pattern: @unchecked Sendable {
    /// Bytes of an expression's source: compiled it is a small multiple of that.
    static let maxSourceBytes = 10_000
    /// Steps of one search before the text's length counts: well under a second.
    static let baseSteps = 5_000_000
    /// Steps that a search has even where none are left for it: enough to tell that nothing is in a short text.
    static let minSteps = 1000
    /// Further steps for each byte of the text: an expression that is linear in the text never runs out.
    static let stepsPerByte = 20
    /// Steps that the searches of one page may take together, besides ``stepsPerByte``: an expression that stays just
    /// within the bound of one search would otherwise keep a worker for as long as the page has texts.
    static let maxPageSteps = 4 * baseSteps
    /// KiB that one search may take for the places to go back to.
    static let maxBacktrackingKiB: UInt32 = 16 << 10

    /// Bytes of a text that an expression with back-references may search. PCRE2 compares what a group took with the
    /// text in one step, however long it is, so that their product must be small.
    static let maxBackReferenceTextBytes = 16 << 10

    let source: String
    private let code: OpaquePointer
    private let groups: UInt32
    private let hasBackReferences: Bool

    /// Throws ``PatternError``.
    init(_ source: String) throws(PatternError) {
        guard source.utf8.count <= Self.maxSourceBytes else {
            throw PatternError(message: "it has more than \(Self.maxSourceBytes) bytes", offset: 0)
        }
        var number: Int32 = 0
        var offset = 0
        // With callouts before every item, which is where steps are counted. No \C: it would cut a character in two.
        let options = PCRE2_UTF | PCRE2_UCP | PCRE2_NEVER_BACKSLASH_C | PCRE2_AUTO_CALLOUT
        var text = source
        let compiled = text.withUTF8 {
            pcre2_compile_8($0.baseAddress, $0.count, options, &number, &offset, nil)
        }
        guard let compiled else {
            let read = source.utf8.index(source.startIndex, offsetBy: min(offset, source.utf8.count))
            throw PatternError(
                message: Self.message(number), offset: source.unicodeScalars[..<read].count)
        }
        var groups: UInt32 = 0
        pcre2_pattern_info_8(compiled, UInt32(PCRE2_INFO_CAPTURECOUNT), &groups)
        var maxBackReference: UInt32 = 0
        pcre2_pattern_info_8(compiled, UInt32(PCRE2_INFO_BACKREFMAX), &maxBackReference)
        self.source = source
        hasBackReferences = maxBackReference > 0
        self.groups = groups
        code = compiled
    }

    deinit {
        pcre2_code_free_8(code)
    }

    static func maxSteps(in text: String) -> Int { baseSteps + stepsPerByte * text.utf8.count }

    /// Whether the expression is found anywhere in `text`.
    func matches(_ text: String) throws(PatternExhausted) -> Bool {
        var allowance = Self.baseSteps
        return try matches(text, within: &allowance)
    }

    /// The same. `allowance`: as of ``firstGroup(in:within:)``; where nothing of it is left, nothing is searched.
    func matches(_ text: String, within allowance: inout Int) throws(PatternExhausted) -> Bool {
        guard allowance > 0 else { throw PatternExhausted() }
        return try search(text, &allowance) != nil
    }

    /// What the first capture group took at the first place the expression is found; the whole of it where it has no
    /// group. Nil: it is not found, or the group took no part.
    func firstGroup(in text: String) throws(PatternExhausted) -> String? {
        var allowance = Self.baseSteps
        return try firstGroup(in: text, within: &allowance)
    }

    /// The same. `allowance`: steps that are left for this search and others, besides ``stepsPerByte`` of each.
    func firstGroup(in text: String, within allowance: inout Int) throws(PatternExhausted) -> String? {
        guard let found = try search(text, &allowance), let range = found else { return nil }
        return String(decoding: Array(text.utf8)[range], as: UTF8.self)
    }

    /// Nil: not found; the inner nil: found, and the first group took no part.
    private func search(_ text: String, _ allowance: inout Int) throws(PatternExhausted) -> Range<Int>?? {
        var text = text
        guard !hasBackReferences || text.utf8.count <= Self.maxBackReferenceTextBytes else {
            throw PatternExhausted()
        }
        let spare = min(Self.baseSteps, max(Self.minSteps, allowance))
        var budget = StepBudget(left: Self.maxSteps(in: text) - Self.baseSteps + spare)
        defer { allowance -= max(0, spare - max(0, budget.left)) }
        let group = groups > 0 ? 1 : 0
        let outcome = text.withUTF8 { subject -> (code: Int32, range: Range<Int>?) in
            guard let match = pcre2_match_data_create_8(2, nil),
                let context = pcre2_match_context_create_8(nil)
            else { return (PCRE2_ERROR_NOMEMORY, nil) }
            defer {
                pcre2_match_data_free_8(match)
                pcre2_match_context_free_8(context)
            }
            pcre2_set_heap_limit_8(context, Self.maxBacktrackingKiB)
            let found = withUnsafeMutablePointer(to: &budget) { budget in
                pcre2_set_callout_8(context, StepBudget.count, budget)
                // The empty text has no address, which PCRE2 takes for a mistake.
                let start = subject.baseAddress ?? UnsafePointer(Self.nothing)
                return pcre2_match_8(
                    code, start, subject.count, 0, PCRE2_NO_UTF_CHECK, match, context)
            }
            guard found >= 0, let places = pcre2_get_ovector_pointer_8(match) else { return (found, nil) }
            let (lower, upper) = (places[2 * group], places[2 * group + 1])
            // `\K` in a look-ahead may put the start behind the end; a group that took no part has -1.
            return (found, 0 <= lower && lower <= upper ? lower..<upper : nil)
        }
        if outcome.code == PCRE2_ERROR_NOMATCH { return nil }
        guard outcome.code >= 0 else { throw PatternExhausted() }
        return .some(outcome.range)
    }

    // Unsafe by its type only: one byte that nobody writes.
    nonisolated(unsafe) private static let nothing: UnsafeMutablePointer<UInt8> = {
        let byte = UnsafeMutablePointer<UInt8>.allocate(capacity: 1)
        byte.initialize(to: 0)
        return byte
    }()

    private static func message(_ number: Int32) -> String {
        var buffer = [UInt8](repeating: 0, count: 256)
        let length = pcre2_get_error_message_8(number, &buffer, buffer.count)
        return length > 0 ? String(decoding: buffer[..<Int(length)], as: UTF8.self) : "it does not parse"
    }
}

/// What one search may still do.
private struct StepBudget {
    var left: Int
    var position = 0

    /// PCRE2 calls it before every item of the expression. Not 0: the search is given up.
    static let count:
        @convention(c) (UnsafeMutablePointer<pcre2_callout_block_8>?, UnsafeMutableRawPointer?) -> Int32 =
            { block, budget in
                guard let block, let budget = budget?.assumingMemoryBound(to: StepBudget.self) else {
                    return 0
                }
                let position = block.pointee.current_position
                budget.pointee.left -= 1 + abs(position - budget.pointee.position)
                budget.pointee.position = position
                return budget.pointee.left > 0 ? 0 : PCRE2_ERROR_CALLOUT
            }
}
