/// How many items to read from the store at once, so that a walk over all of them costs constant memory however large
/// they are: learnt from the items read before.
struct ChunkSize {
    /// Items' JSON in one chunk, bytes.
    private static let maxBytes = 2 << 20
    private static let maxItems = 500

    /// The first chunk is small: nothing is known of its items.
    private(set) var items = 20

    mutating func learn(from slice: [Item]) {
        guard !slice.isEmpty else { return }
        let largest = slice.reduce(1) { max($0, $1.data.json.utf8.count) }
        // Never more than four times the last chunk: the next items may be larger than those seen.
        items = min(Self.maxItems, items * 4, max(1, Self.maxBytes / largest))
    }
}
