/// What the pages of a batch say of their fields, the way `record_fields` takes it.
struct FieldCounts {
    /// One page kind's part: of a page, or of all of them.
    private struct Sum: Hashable {
        var pages = 0
        var items = 0
        /// One number a field: items with a value.
        var filled: [Int]
        var warnings: [FieldWarning: Int] = [:]

        init(fields: Int) { filled = Array(repeating: 0, count: fields) }

        mutating func add(_ other: Sum, times: Int) {
            pages += other.pages * times
            items += other.items * times
            for (index, count) in other.filled.enumerated() { filled[index] += count * times }
            for (warning, count) in other.warnings { warnings[warning, default: 0] += count * times }
        }
    }

    private struct Share: Hashable {
        var kind: Int
        var sum: Sum
    }

    private let kinds: [PageKind]
    private let positions: [String: Int]
    private var leaving = 0
    /// Most pages of a kind say the same.
    private var pages: [Share: [Int64]] = [:]

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
        pages[Share(kind: kind, sum: sum), default: []].append(page.id)
    }

    /// Nil where no page says anything.
    var json: String? {
        guard !pages.isEmpty else { return nil }
        var sums: [Int: Sum] = [:]
        for (share, pages) in pages {
            sums[share.kind, default: Sum(fields: share.sum.filled.count)].add(share.sum, times: pages.count)
        }
        var writer = JSONWriter(capacity: 1024)
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
                for (share, pages) in pages { Self.write(pages, share, to: &list) }
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

    private static func write(_ pages: [Int64], _ share: Share, to writer: inout JSONWriter) {
        writer.object { entry in
            entry.key("pages")
            entry.array { ids in for page in pages { ids.int(page) } }
            entry.key("kind")
            entry.int(share.kind)
            write(share.sum, to: &entry)
            if !share.sum.warnings.isEmpty {
                entry.key("warnings")
                entry.array { list in write(share.sum.warnings, share.kind, to: &list) }
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
