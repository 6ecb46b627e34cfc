/// A start URL with `{name}` placeholders and the values each takes; several variables give every combination,
/// the last named in the URL changing fastest.
struct URLTemplate: Hashable, Sendable, Codable {
    /// The text between placeholders: always one more than `variables`.
    var literals: [String]
    /// One a placeholder, in the order of the URL. A name that stands twice takes the same value in both.
    var variables: [Variable]

    struct Variable: Hashable, Sendable, Codable {
        var name: String
        var values: Values
    }

    enum Values: Hashable, Sendable, Codable {
        case integers(from: Int, to: Int, step: Int)
        /// Single lower- or upper-case ASCII letters, by code.
        case letters(from: UInt8, to: UInt8)
        case list([String])

        /// How many values; `Int.max` where the number itself overflows.
        var count: Int {
            switch self {
            case .integers(let from, let to, let step):
                let (span, overflow) = to.subtractingReportingOverflow(from)
                if overflow || span == .max { return .max }
                return span / step + 1
            case .letters(let from, let to): return Int(to) - Int(from) + 1
            case .list(let values): return values.count
            }
        }

        /// Bytes of the longest.
        var maxBytes: Int {
            switch self {
            case .integers(let from, let to, _): max(String(from).utf8.count, String(to).utf8.count)
            case .letters: 1
            case .list(let values): values.reduce(0) { max($0, $1.utf8.count) }
            }
        }

        subscript(index: Int) -> String {
            switch self {
            case .integers(let from, _, let step): String(from + index * step)
            case .letters(let from, _): String(UnicodeScalar(from + UInt8(index)))
            case .list(let values): values[index]
            }
        }
    }

    /// The distinct variables in order of first appearance.
    var distinct: [Variable] {
        var seen: Set<String> = []
        return variables.filter { seen.insert($0.name).inserted }
    }

    /// How many URLs; `Int.max` where the product overflows.
    var count: Int { distinct.combinations }

    /// Bytes of the longest URL, as written.
    var maxBytes: Int {
        literals.reduce(0) { $0 + $1.utf8.count } + variables.reduce(0) { $0 + $1.values.maxBytes }
    }

    /// The URL number `index`, `0 ..< count`.
    func url(at index: Int) -> String { url(with: distinct.values(at: index)) }

    /// The URL with each variable's value by name.
    func url(with values: [String: String]) -> String {
        var url = literals[0]
        for (variable, literal) in zip(variables, literals.dropFirst()) {
            url += values[variable.name] ?? ""
            url += literal
        }
        return url
    }
}

extension [URLTemplate.Variable] {
    /// How many combinations of values; `Int.max` where the product overflows.
    var combinations: Int {
        var product = 1
        for variable in self {
            let (next, overflow) = product.multipliedReportingOverflow(by: variable.values.count)
            if overflow { return .max }
            product = next
        }
        return product
    }

    /// The combination number `index`, by name; the last variable changes fastest.
    func values(at index: Int) -> [String: String] {
        var values: [String: String] = [:]
        var rest = index
        for variable in reversed() {
            values[variable.name] = variable.values[rest % variable.values.count]
            rest /= variable.values.count
        }
        return values
    }
}

extension StartEntry {
    private var variables: [URLTemplate.Variable] { template.distinct + requestVariables }

    /// How many pages; `Int.max` where the product overflows.
    var count: Int { variables.combinations }

    /// The page number `index`, `0 ..< count`. Nil where the values make no URL.
    func page(at index: Int, _ urls: any URLParsing) -> DiscoveredPage? {
        let values = variables.values(at: index)
        guard let url = urls.parse(template.url(with: values)) else { return nil }
        return DiscoveredPage(kind: kind, url: url, request: request?.request(with: values))
    }
}

/// Every start page of a job, made one at a time: a million of them cost no memory.
struct StartPages: Sequence, Sendable {
    let entries: [StartEntry]
    let urls: any URLParsing

    var count: Int {
        entries.reduce(0) { sum, entry in
            let (next, overflow) = sum.addingReportingOverflow(entry.count)
            return overflow ? .max : next
        }
    }

    func makeIterator() -> AnyIterator<DiscoveredPage> {
        var entry = 0
        var index = 0
        return AnyIterator {
            while entry < entries.count {
                let current = entries[entry]
                guard index < current.count else {
                    entry += 1
                    index = 0
                    continue
                }
                defer { index += 1 }
                // A value may make a URL unreadable; the entry itself was validated with its first values.
                guard let page = current.page(at: index, urls) else { continue }
                return page
            }
            return nil
        }
    }
}
