import HTTPCore
import HTTPTypes
import Synchronization

/// `/v1/jobs/{id}/word-counts`: counted here, from what is committed.
struct WordRoutes: Sendable {
    static let defaultLimit = 100
    static let maxLimit = 10_000

    private enum Format: String, CaseIterable {
        case json, csv, svg
    }

    private struct Question: Sendable {
        var field: String?
        var languages: [String]
        var tokenizer: Tokenizer
        var minCount: Int
        var limit: Int
        var format: Format
        var stopWords: Set<String>
    }

    let context: APIContext

    func add(to router: inout Router) {
        router.on(.get, "/v1/jobs/{id}/word-counts", wordCounts)
    }

    @Sendable func wordCounts(_ request: Request) async throws -> Response {
        let job = try await context.job(of: request)
        guard let spec = try await context.catalog.spec(of: job.id, owner: nil) else {
            throw Problem.jobNotFound
        }
        let question = try read(request, spec)
        let counting = Counting(WordCounter(tokenizer: question.tokenizer, stopWords: question.stopWords))
        let fields = CountedFields(spec, only: question.field)
        var position = Position()
        var chunk = ChunkSize()
        while true {
            let slice = try await context.catalog.items(of: job.id, after: position, limit: chunk.items)
            let items = slice.elements
            chunk.learn(from: items)
            await context.workers.run { counting.add(items, of: fields) }
            position = slice.position
            if !slice.hasMore { break }
        }
        return await context.workers.run { answer(job, question, counting) }
    }

    private func read(_ request: Request, _ spec: JobSpec) throws -> Question {
        let query = try QueryReader(
            request,
            allowing: ["field", "language", "stop_words", "tokenizer", "min_count", "limit", "format"])
        let field = query.string("field")
        if let field, !spec.fieldNames.contains(field) {
            throw Problem.invalidQuery("field", "the job has no field \(field)")
        }
        let named = query.list("language") ?? ["none"]
        let languages = named == ["none"] ? [] : named
        var stopWords: Set<String>
        do {
            stopWords = try StopWords.words(for: languages)
        } catch {
            throw Problem.invalidQuery("language", "\(error)")
        }
        stopWords.formUnion(query.list("stop_words") ?? [])
        return Question(
            field: field, languages: languages,
            tokenizer: try query.choice("tokenizer", Tokenizer.self) ?? .unicode,
            minCount: try query.int("min_count", in: 1...(.max)) ?? 1,
            limit: try query.int("limit", in: 1...Self.maxLimit) ?? Self.defaultLimit,
            format: try query.choice("format", Format.self) ?? .json,
            stopWords: stopWords)
    }

    private func answer(_ job: JobSnapshot, _ question: Question, _ counting: Counting) -> Response {
        let (counts, total, distinct) = counting.top(minCount: question.minCount, limit: question.limit)
        switch question.format {
        case .json:
            return .json(.ok, json(job, question, counts, total: total, distinct: distinct))
        case .csv:
            var writer = CSVWriter()
            writer.row(["word", "count"])
            for count in counts { writer.row([count.word, "\(count.count)"]) }
            return Response(
                status: .ok, headers: [.contentType: "text/csv; charset=utf-8; header=present"],
                body: .bytes(writer.bytes))
        case .svg:
            let title = "Words of \(job.name ?? job.id.description)"
            let svg = BarChart().svg(title: title, rows: counts)
            return Response(
                status: .ok, headers: [.contentType: "image/svg+xml"], body: .bytes(Array(svg.utf8)))
        }
    }

    private func json(
        _ job: JobSnapshot, _ question: Question, _ counts: [WordCount], total: Int, distinct: Int
    ) -> [UInt8] {
        var writer = JSONWriter(capacity: 64 + counts.count * 32)
        writer.object { body in
            body.key("job_id")
            body.string(job.id.description)
            body.key("field")
            body.string(optional: question.field)
            body.key("language")
            body.string(question.languages.isEmpty ? "none" : question.languages.joined(separator: ","))
            body.key("tokenizer")
            body.string(question.tokenizer.rawValue)
            body.key("total_words")
            body.int(total)
            body.key("distinct_words")
            body.int(distinct)
            body.key("items")
            body.array { list in
                for count in counts {
                    list.object { entry in
                        entry.key("word")
                        entry.string(count.word)
                        entry.key("count")
                        entry.int(count.count)
                    }
                }
            }
        }
        return writer.bytes
    }
}

/// The fields whose words are counted: the one that was asked for, or each text field of each page kind.
private struct CountedFields: Sendable {
    private let only: String?
    private let names: [String: Set<String>]

    init(_ spec: JobSpec, only: String?) {
        self.only = only
        names = Dictionary(
            spec.pages.map { ($0.name, Set($0.fields.filter(\.isText).map(\.name))) },
            uniquingKeysWith: { $0.union($1) })
    }

    func contains(_ name: String, of kind: String) -> Bool {
        if let only { return name == only }
        return names[kind]?.contains(name) == true
    }
}

/// One count in progress, handed from worker to worker.
private final class Counting: Sendable {
    private let counter: Mutex<WordCounter>

    init(_ counter: consuming WordCounter) { self.counter = Mutex(counter) }

    /// Strings, and arrays of them.
    func add(_ items: [Item], of fields: CountedFields) {
        counter.withLock { counter in
            for item in items {
                guard case .object(let members) = ItemView.parse(item.data) else { continue }
                for member in members where fields.contains(member.name, of: item.kind) {
                    Self.count(member.value, &counter)
                }
            }
        }
    }

    private static func count(_ value: JSONValue, _ counter: inout WordCounter) {
        switch value {
        case .string(let text): counter.add(text)
        case .array(let elements): for element in elements { count(element, &counter) }
        default: break
        }
    }

    func top(minCount: Int, limit: Int) -> (counts: [WordCount], total: Int, distinct: Int) {
        counter.withLock { ($0.top(minCount: minCount, limit: limit), $0.totalWords, $0.distinctWords) }
    }
}
