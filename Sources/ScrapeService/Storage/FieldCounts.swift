/// What the pages of a batch say of their fields, the way `record_fields` takes it.
struct FieldCounts {
    /// One page kind's part: of a page, or of all of them.
    private struct Sum {
        var pages = 0
        var items = 0
        /// One number a field: items with a value.
        var filled: [Int]
        var warnings: [FieldWarning: Int] = [:]

        init(fields: Int) { filled = Array(repeating: 0, count: fields) }

        mutating func add(_ other: Sum) {
            pages += other.pages
            items += other.items
            for (index, count) in other.filled.enumerated() { filled[index] += count }
            warnings.merge(other.warnings, uniquingKeysWith: +)
        }
    }

    private let kinds: [PageKind]
    private let positions: [String: Int]
    private var leaving = 0
    private var pages: [(page: Int64, kind: Int, sum: Sum)] = []

    init(_ spec: JobSpec) {
        kinds = spec.pages
        positions = Dictionary(
            spec.pages.enumerated().map { ($1.name, $0) }, uniquingKeysWith: { first, _ in first })
    }

    /// A page that leaves the queue; `report` nil: it says nothing of fields.
    mutating func add(_ page: QueuedPage, _ report: FieldReport?) {
        leaving += 1
        guard let report, let kind = positions[page.kind] else { return }
        let fields = kinds[kind].fields
        var sum = Sum(fields: fields.count)
        sum.pages = 1
        sum.items = report.unfilled.count
        sum.warnings = report.warnings
        var missing = Array(repeating: 0, count: fields.count)
        for field in report.unfilled.joined() { missing[field] += 1 }
        for (index, field) in fields.enumerated() {
            sum.filled[index] = sum.items - missing[index]
            if field.required, missing[index] > 0 {
                sum.warnings[FieldWarning(code: .requiredMissing, field: index), default: 0] += missing[index]
            }
        }
        pages.append((page.id, kind, sum))
    }

    /// Nil where no page says anything.
    var json: String? {
        guard !pages.isEmpty else { return nil }
        var sums: [Int: Sum] = [:]
        for (_, kind, sum) in pages { sums[kind, default: Sum(fields: sum.filled.count)].add(sum) }
        var writer = JSONWriter(capacity: 256 + 48 * pages.count)
        writer.object { body in
            body.key("of")
            body.int(leaving)
            body.key("kinds")
            body.array { list in
                for (kind, sum) in sums { write(kind, sum, to: &list) }
            }
            if sums.contains(where: { !$1.warnings.isEmpty }) {
                body.key("warnings")
                body.array { list in
                    for (kind, sum) in sums { Self.write(sum.warnings, kind, to: &list) }
                }
            }
            body.key("each")
            body.array { list in
                for (page, kind, sum) in pages { Self.write(page, kind, sum, to: &list) }
            }
        }
        return String(decoding: writer.bytes, as: UTF8.self)
    }

    private func write(_ kind: Int, _ sum: Sum, to writer: inout JSONWriter) {
        writer.object { entry in
            entry.key("kind")
            entry.int(kind)
            entry.key("name")
            entry.string(kinds[kind].name)
            entry.key("fields")
            entry.array { names in for field in kinds[kind].fields { names.string(field.name) } }
            entry.key("pages")
            entry.int(sum.pages)
            Self.write(sum, to: &entry)
        }
    }

    private static func write(_ page: Int64, _ kind: Int, _ sum: Sum, to writer: inout JSONWriter) {
        writer.object { entry in
            entry.key("page")
            entry.int(page)
            entry.key("kind")
            entry.int(kind)
            write(sum, to: &entry)
            if !sum.warnings.isEmpty {
                entry.key("warnings")
                entry.array { list in write(sum.warnings, kind, to: &list) }
            }
        }
    }

    private static func write(_ sum: Sum, to entry: inout JSONWriter) {
        entry.key("items")
        entry.int(sum.items)
        entry.key("filled")
        entry.array { counts in for count in sum.filled { counts.int(count) } }
    }

    private static func write(_ warnings: [FieldWarning: Int], _ kind: Int, to writer: inout JSONWriter) {
        for (warning, count) in warnings {
            writer.object { entry in
                entry.key("code")
                entry.string(warning.code.rawValue)
                entry.key("kind")
                entry.int(kind)
                entry.key("field")
                entry.int(warning.field ?? -1)
                entry.key("n")
                entry.int(count)
            }
        }
    }
}
