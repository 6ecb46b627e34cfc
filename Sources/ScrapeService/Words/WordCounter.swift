internal import HeapModule

/// A word and how often it occurs.
package struct WordCount: Hashable, Sendable {
    package let word: String
    package let count: Int

    package init(word: String, count: Int) {
        self.word = word
        self.count = count
    }
}

/// Counts the words of any number of texts. Both totals are taken after stop words are left out, and before any
/// minimum count or limit. Words are compared by their bytes: nothing is normalised but case.
package struct WordCounter: Sendable {
    package let tokenizer: Tokenizer
    /// Occurrences of words that are no stop words.
    package private(set) var totalWords = 0
    /// Different words that are no stop words.
    package var distinctWords: Int { table.entries.count - stopWordCount }

    private var table: WordTable
    private let stopWordCount: Int
    /// Room for the lower-cased copy of a text, kept between texts.
    private var scratch: [UInt8] = []
    /// What is kept of it: one huge text must not cost its size for ever.
    private static let maxScratchBytes = 1 << 20

    /// `stopWords` are left out after tokenizing, in any case: they are lower-cased here.
    package init(tokenizer: Tokenizer, stopWords: Set<String> = []) {
        self.tokenizer = tokenizer
        var table = WordTable()
        for word in stopWords {
            LowerCase.bytes(of: word).withUnsafeBufferPointer { table.markStopWord($0) }
        }
        self.table = table
        stopWordCount = table.entries.count
    }

    /// Counts the words of one text; a word never spans two of them.
    package mutating func add(_ text: String) {
        var text = text
        var lowered: [UInt8] = []
        swap(&lowered, &scratch)
        text.withUTF8 { bytes in
            if lowered.count < bytes.count {
                let generous = min(bytes.count * 2, Self.maxScratchBytes)
                lowered = Array(repeating: 0, count: max(bytes.count, generous))
            }
            lowered.withUnsafeMutableBufferPointer { buffer in
                let buffer = UnsafeMutableBufferPointer(rebasing: buffer[..<bytes.count])
                LowerCase.copyASCII(bytes, to: buffer)
                switch tokenizer {
                case .unicode: UnicodeWords.forEach(in: UnsafeBufferPointer(buffer)) { count($0) }
                case .ascii: ASCIIWords.forEach(in: buffer) { count($0) }
                }
            }
        }
        if lowered.count <= Self.maxScratchBytes { scratch = lowered }
    }

    @inline(__always)
    private mutating func count(_ word: UnsafeBufferPointer<UInt8>) {
        if table.count(word) { totalWords += 1 }
    }

    /// The words that occur at least `minCount` times, at most `limit` of them: by count descending, then by the
    /// word's code points.
    package func top(minCount: Int = 1, limit: Int) -> [WordCount] {
        guard limit > 0 else { return [] }
        var best = Heap<Ranked>()
        for entry in table.entries where entry.count >= max(1, minCount) && !entry.isStopWord {
            if best.count < limit {
                best.insert(Ranked(entry: entry, table: table))
            } else if let worst = best.min, worst.entry.count <= entry.count {
                let candidate = Ranked(entry: entry, table: table)
                if worst < candidate { best.replaceMin(with: candidate) }
            }
        }
        var rows: [WordCount] = []
        rows.reserveCapacity(best.count)
        while let next = best.popMax() {
            rows.append(WordCount(word: table.word(next.entry), count: next.entry.count))
        }
        return rows
    }

    /// The better an entry the greater.
    private struct Ranked: Comparable {
        let entry: WordTable.Entry
        let table: WordTable

        static func < (left: Ranked, right: Ranked) -> Bool {
            if left.entry.count != right.entry.count { return left.entry.count < right.entry.count }
            return left.table.isOrdered(right.entry, left.entry)
        }

        static func == (left: Ranked, right: Ranked) -> Bool {
            left.entry.offset == right.entry.offset
        }
    }
}
