/// Opaque to clients: where a list goes on.
enum Cursor {
    /// One number a shard.
    static func text(_ position: Position) -> String {
        "p" + position.shards.map { String($0, radix: 36) }.joined(separator: "-")
    }

    static func position(_ text: String) -> Position? {
        guard text.first == "p" else { return nil }
        let parts = text.dropFirst().split(separator: "-", omittingEmptySubsequences: true)
        let numbers = parts.compactMap { Int64($0, radix: 36) }
        guard numbers.count == parts.count, numbers.allSatisfy({ $0 >= 0 }), numbers.count <= 1024 else {
            return nil
        }
        return Position(shards: numbers)
    }

    static func text(_ position: JobListPosition) -> String { "j" + position.id.description }

    static func listPosition(_ text: String) -> JobListPosition? {
        guard text.first == "j" else { return nil }
        return JobID(String(text.dropFirst())).map(JobListPosition.init)
    }
}
