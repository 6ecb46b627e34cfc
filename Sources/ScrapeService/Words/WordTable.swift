import Glibc

/// Byte strings and their counts: open addressing over one arena, so a known word costs no allocation.
struct WordTable: Sendable {
    struct Entry: Sendable {
        /// Where the word's bytes lie in the arena.
        var offset: Int
        var length: Int
        var hash: UInt64
        var count: Int
        /// Stop words are entries too, so that one search answers both questions.
        var isStopWord: Bool
    }

    private(set) var entries: [Entry] = []
    private var arena: [UInt8] = []
    /// Index into `entries` plus one in the low half, the upper half of the hash in the high half; 0 is free.
    private var slots: [UInt64]
    /// Pages are hostile: without a secret they could choose words that all collide.
    private let seed = UInt64.random(in: .min ... .max)

    /// Slots at the start; doubled whenever three quarters are taken.
    private static let initialSlots = 4096

    init() {
        slots = Array(repeating: 0, count: Self.initialSlots)
    }

    /// Counts one occurrence: true unless the word is a stop word.
    @inline(__always)
    mutating func count(_ word: UnsafeBufferPointer<UInt8>) -> Bool {
        let index = insert(word)
        if entries[index].isStopWord { return false }
        entries[index].count += 1
        return true
    }

    mutating func markStopWord(_ word: UnsafeBufferPointer<UInt8>) {
        entries[insert(word)].isStopWord = true
    }

    func withBytes<Result>(of entry: Entry, _ body: (UnsafeBufferPointer<UInt8>) -> Result) -> Result {
        arena.withUnsafeBufferPointer {
            body(UnsafeBufferPointer(rebasing: $0[entry.offset..<entry.offset + entry.length]))
        }
    }

    func word(_ entry: Entry) -> String {
        withBytes(of: entry) { String(decoding: $0, as: UTF8.self) }
    }

    /// UTF-8's byte order, which is the order of code points.
    func isOrdered(_ left: Entry, _ right: Entry) -> Bool {
        withBytes(of: left) { first in
            withBytes(of: right) { second in first.lexicographicallyPrecedes(second) }
        }
    }

    @inline(__always)
    private mutating func insert(_ word: UnsafeBufferPointer<UInt8>) -> Int {
        let hash = Self.hash(word, seed)
        let tag = hash & 0xFFFF_FFFF_0000_0000
        let (slot, index) = slots.withUnsafeBufferPointer { find(word, hash, tag, in: $0) }
        return index ?? append(word, hash, slot, tag)
    }

    /// The word's entry, or the free slot where it belongs.
    @inline(__always)
    private func find(
        _ word: UnsafeBufferPointer<UInt8>, _ hash: UInt64, _ tag: UInt64,
        in slots: UnsafeBufferPointer<UInt64>
    ) -> (slot: Int, index: Int?) {
        let mask = slots.count - 1
        var slot = Int(truncatingIfNeeded: hash) & mask
        while slots[slot] != 0 {
            if (slots[slot] ^ tag) >> 32 == 0 {
                let index = Int(slots[slot] & 0xFFFF_FFFF) - 1
                if equals(index, word) { return (slot, index) }
            }
            slot = (slot + 1) & mask
        }
        return (slot, nil)
    }

    @inline(__always)
    private func equals(_ index: Int, _ word: UnsafeBufferPointer<UInt8>) -> Bool {
        let (offset, length) = entries.withUnsafeBufferPointer { ($0[index].offset, $0[index].length) }
        guard length == word.count, let other = word.baseAddress else { return length == word.count }
        return arena.withUnsafeBufferPointer { arena in
            arena.baseAddress.map { memcmp($0 + offset, other, length) == 0 } ?? true
        }
    }

    private mutating func append(
        _ word: UnsafeBufferPointer<UInt8>, _ hash: UInt64, _ slot: Int, _ tag: UInt64
    ) -> Int {
        entries.append(
            Entry(offset: arena.count, length: word.count, hash: hash, count: 0, isStopWord: false))
        arena.append(contentsOf: word)
        slots[slot] = tag | UInt64(entries.count)
        if entries.count * 4 > slots.count * 3 { grow() }
        return entries.count - 1
    }

    private mutating func grow() {
        var larger = [UInt64](repeating: 0, count: slots.count * 2)
        for (index, entry) in entries.enumerated() {
            var slot = Int(truncatingIfNeeded: entry.hash) & (larger.count - 1)
            while larger[slot] != 0 { slot = (slot + 1) & (larger.count - 1) }
            larger[slot] = entry.hash & 0xFFFF_FFFF_0000_0000 | UInt64(index + 1)
        }
        slots = larger
    }

    /// Eight bytes a step, each folded by a 64 × 64 → 128 bit product with the secret in it.
    private static func hash(_ word: UnsafeBufferPointer<UInt8>, _ seed: UInt64) -> UInt64 {
        let raw = UnsafeRawBufferPointer(word)
        var hash = seed ^ UInt64(truncatingIfNeeded: word.count)
        var index = 0
        while index + 8 <= raw.count {
            hash = fold(hash ^ raw.loadUnaligned(fromByteOffset: index, as: UInt64.self), seed)
            index += 8
        }
        var rest: UInt64 = 0
        while index < raw.count {
            rest = rest << 8 | UInt64(raw[index])
            index += 1
        }
        return fold(hash ^ rest, seed)
    }

    @inline(__always)
    private static func fold(_ value: UInt64, _ seed: UInt64) -> UInt64 {
        let product = (value ^ 0x9E37_79B9_7F4A_7C15).multipliedFullWidth(by: seed | 1)
        return product.high ^ product.low
    }
}
