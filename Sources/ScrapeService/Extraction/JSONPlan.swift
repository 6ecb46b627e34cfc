/// A page kind's JSONPath queries at work on JSON bodies: each body is parsed once, whatever is taken from it.
struct JSONPlan: PagePlan {
    private let links: [JSONPath]
    private let each: JSONPath?
    private let fields: [JSONPath]
    private let readings: [FieldReading]

    /// Throws ``SelectorError`` for the first selector or pattern that does not parse.
    init(_ kind: PageKind) throws {
        links = try kind.follow.map { try Self.path($0.links) }
        each = try kind.each.map(Self.path)
        fields = try kind.fields.map { try Self.path($0.selector) }
        readings = try kind.fields.map { try FieldReading($0) }
    }

    /// Throws ``SelectorError``.
    static func path(_ selector: Selector) throws -> JSONPath {
        guard selector.language == .json else {
            throw SelectorError(message: "only JSONPath selects in JSON", offset: nil)
        }
        do throws(JSONPathError) {
            return try JSONPath(selector.source)
        } catch {
            throw SelectorError(message: error.message, offset: error.offset)
        }
    }

    /// Throws ``ExtractionError``.
    func extract(_ document: PageDocument) throws -> Extraction {
        let (text, encoding) = try JSONText.read(document)
        var page = JSONPageReading(try Self.parse(text))
        var reader = FieldReader(readings)
        var result = Extraction()
        result.encoding = encoding.description
        for path in links { result.links.append(page.links(path, &reader)) }
        if !fields.isEmpty { result.items = try page.items(each, fields, &reader) }
        result.warnings = reader.warnings
        return result
    }

    private static func parse(_ text: [UInt8]) throws -> JSONDocument {
        do throws(JSONError) {
            return try JSONDocument(text)
        } catch {
            let detail = "\(error.message), at line \(error.line), column \(error.column)"
            throw error.isBound ? ExtractionError.tooLarge(detail) : ExtractionError.notJSON(detail)
        }
    }
}

/// One body, and what its queries may still cost.
private struct JSONPageReading {
    /// Memory of all values taken from one page together: one value may be taken many times, inside others as well.
    static let maxTakenBytes = 128 << 20

    private let document: JSONDocument
    private var evaluator: JSONPathEvaluator
    private var takenBytes = 0

    init(_ document: JSONDocument) {
        self.document = document
        evaluator = JSONPathEvaluator(document)
    }

    /// The strings and numbers a query selects; where there is no next page, APIs say null, false or "".
    mutating func links(_ path: JSONPath, _ reader: inout FieldReader) -> [String] {
        do throws(JSONPathExhausted) {
            var links: [String] = []
            for node in try evaluator.select(path) {
                let kind = document.nodes[node].kind
                guard kind == .string || kind == .number else { continue }
                try take(node)
                let text = document.text(of: node)
                if !text.isEmpty { links.append(text) }
            }
            return links
        } catch {
            reader.selectorRanAway()
            return []
        }
    }

    /// In a match of `each`, `$` is that match.
    mutating func items(
        _ each: JSONPath?, _ paths: [JSONPath], _ reader: inout FieldReader
    ) throws -> [[FieldValue?]] {
        guard let each else { return try item(in: 0, paths, &reader).map { [$0] } ?? [] }
        let matches: [Int]
        do throws(JSONPathExhausted) {
            matches = try evaluator.select(each)
        } catch {
            reader.selectorRanAway()
            return []
        }
        var items: [[FieldValue?]] = []
        for match in matches {
            do throws(JSONPathExhausted) {
                // Fields that were given up are not asked, but cost as well.
                try evaluator.spend(paths.count)
            } catch {
                reader.selectorRanAway()
                return []
            }
            if let item = try item(in: match, paths, &reader) { items.append(item) }
        }
        return items
    }

    /// Nil where no field matched.
    private mutating func item(
        in root: Int, _ paths: [JSONPath], _ reader: inout FieldReader
    ) throws -> [FieldValue?]? {
        try reader.item { index, reader in
            try reader.value(of: index) { take in try matches(paths[index], in: root, take) }
        }
    }

    /// Hands each value over until it is told `false`.
    private mutating func matches(
        _ path: JSONPath, in root: Int, _ handOver: (FieldMatch) throws -> Bool
    ) throws {
        do {
            if path.isSingular {
                guard let node = try evaluator.selectFirst(path, in: root) else { return }
                try take(node)
                _ = try handOver(.json(document.value(of: node)))
                return
            }
            for node in try evaluator.select(path, in: root) {
                try take(node)
                guard try handOver(.json(document.value(of: node))) else { return }
            }
        } catch let exhausted as JSONPathExhausted {
            throw ExtractionError.exhausted(exhausted.message)
        }
    }

    private mutating func take(_ node: Int) throws(JSONPathExhausted) {
        takenBytes += document.cost(of: node)
        if takenBytes > Self.maxTakenBytes {
            throw JSONPathExhausted(message: "the queries select more than \(Self.maxTakenBytes >> 20) MiB")
        }
    }
}
