/// A status's warnings and the coverage of its fields: as many as there is room for.
struct FieldsView {
    /// Characters of a name within a sentence.
    private static let maxNameLength = 40

    let job: JobSnapshot

    /// `room`: bytes that both lists may take, with their names.
    func write(to body: inout JSONWriter, room: Int) {
        var room = max(0, room - #","warnings":[],"fields":[]"#.utf8.count)
        // Half of it is the fields'; what they leave is the warnings', and the other way round.
        var half = room / 2
        let first = fields(&half)
        room -= room / 2 - half
        let warnings = warnings(&room)
        var left = room
        let fields = fields(&left, after: first)
        Self.write("warnings", warnings, to: &body)
        Self.write("fields", fields, to: &body)
    }

    private static func write(_ name: String, _ entries: [String], to body: inout JSONWriter) {
        body.key(name)
        body.array { list in for entry in entries { list.raw(entry) } }
    }

    /// The least covered first; `after` those that are there.
    private func fields(_ room: inout Int, after entries: [String] = []) -> [String] {
        var entries = entries
        for coverage in job.fields.dropFirst(entries.count) {
            let entry = Self.entry { entry in
                entry.key("page")
                entry.string(coverage.kind)
                entry.key("name")
                entry.string(coverage.field)
                entry.key("filled")
                entry.int(coverage.filled)
                entry.key("of")
                entry.int(coverage.items)
            }
            guard Self.take(entry, &room) else { break }
            entries.append(entry)
        }
        return entries
    }

    /// The most frequent one of each code first: no code hides another.
    private func warnings(_ room: inout Int) -> [String] {
        var entries: [String] = []
        for warning in Self.ordered(job.allWarnings) {
            for isNamed in [true, false] {
                let entry = Self.entry { Self.write(warning, named: isNamed, to: &$0) }
                if Self.take(entry, &room) {
                    entries.append(entry)
                    break
                }
            }
        }
        return entries
    }

    private static func entry(_ members: (inout JSONWriter) -> Void) -> String {
        var writer = JSONWriter()
        writer.object(members)
        return String(decoding: writer.bytes, as: UTF8.self)
    }

    /// Whether there is room for it and a comma.
    private static func take(_ entry: String, _ room: inout Int) -> Bool {
        let length = entry.utf8.count + 1
        guard length <= room else { return false }
        room -= length
        return true
    }

    private static func ordered(_ warnings: [JobSnapshot.WarningCount]) -> [JobSnapshot.WarningCount] {
        var seen: [String: Int] = [:]
        let ranked = warnings.sorted { $0.count > $1.count }.map { warning in
            seen[warning.code, default: 0] += 1
            return (rank: seen[warning.code] ?? 0, warning: warning)
        }
        return ranked.enumerated().sorted { ($0.1.rank, $0.0) < ($1.1.rank, $1.0) }.map(\.element.warning)
    }

    private static func write(
        _ warning: JobSnapshot.WarningCount, named: Bool, to entry: inout JSONWriter
    ) {
        entry.key("code")
        entry.string(warning.code)
        entry.key("count")
        entry.int(warning.count)
        if named, let kind = warning.kind {
            entry.key("page")
            entry.string(kind)
        }
        if named, let field = warning.field {
            entry.key("field")
            entry.string(field)
        }
        entry.key("detail")
        entry.string(sentence(for: warning))
    }

    private static func sentence(for warning: JobSnapshot.WarningCount) -> String {
        let count = warning.count
        let kind = "page kind \(short(warning.kind))"
        let field = warning.field.map { "field \(short($0)) (\(kind))" }
        func of(_ noun: String) -> String { count == 1 ? "1 \(noun)" : "\(count) \(noun)s" }
        switch FieldWarning.Code(rawValue: warning.code) {
        case .requiredMissing: return "\(of("item")) without a value for the required \(field ?? kind)"
        case .typeMismatch: return "\(of("value")) of the \(field ?? kind) could not be read as its type"
        case .selectorExhausted:
            return "\(of("page")) on which a selector of the \(field ?? kind) took too many steps"
        case .patternExhausted:
            return "\(of("page")) on which a pattern of the \(field ?? kind) took too many steps"
        case .fieldEmpty: return "\(of("item")), none with a value for the \(field ?? kind)"
        case .noItems: return "\(of("page")) of the \(kind) fetched, none of which gave an item"
        case nil: break
        }
        guard warning.code == SkipReason.robots.rawValue else { return "\(of("page")) concerned" }
        let pages = count == 1 ? "1 page was" : "\(count) pages were"
        return "\(pages) not fetched: robots.txt forbids it or could not be had (politeness.robots)"
    }

    private static func short(_ name: String?) -> String {
        guard let name else { return "" }
        guard name.unicodeScalars.count > maxNameLength else { return name }
        return String(name.unicodeScalars.prefix(maxNameLength)) + "…"
    }
}
