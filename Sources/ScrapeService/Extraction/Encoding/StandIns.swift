/// Characters that XML has not, and libxml2's trees therefore cannot hold, but HTML has: control characters, U+FFFE and
/// U+FFFF. A page's are written as 34 private characters that it has none of, and written back in the text taken of it.
struct StandIns: Sendable {
    /// U+10F000 + 64 * block and the 63 behind it, which differ in the last byte only.
    private let block: UInt8

    /// Blocks of which a page has characters: bit n is block n.
    typealias Blocks = UInt64

    /// The last block that is free; nil where none is.
    init?(besides taken: Blocks) {
        guard taken != .max else { return nil }
        block = UInt8(63 - (~taken).leadingZeroBitCount)
    }

    var blocks: Blocks { 1 << Blocks(block) }

    static func blocks(in bytes: [UInt8]) -> Blocks {
        bytes.withUnsafeBufferPointer { input in
            var blocks: Blocks = 0
            var position = 0
            while let found = HTMLInput.index(of: 0xF4, in: input, from: position) {
                if found + 2 < input.count, input[found + 1] == 0x8F {
                    blocks |= 1 << Blocks(input[found + 2] & 0x3F)
                }
                position = found + 1
            }
            return blocks
        }
    }

    static func blocks(of scalar: Unicode.Scalar) -> Blocks {
        scalar.value < 0x10F000 ? 0 : 1 << Blocks((scalar.value >> 6) & 0x3F)
    }

    /// The first bytes that they have in common.
    var prefix: [UInt8] { [0xF4, 0x8F, 0x80 | block] }

    private func isStandIn(_ bytes: UnsafeBufferPointer<UInt8>, at position: Int) -> Bool {
        position + 3 < bytes.count && bytes[position] == 0xF4 && bytes[position + 1] == 0x8F
            && bytes[position + 2] == 0x80 | block
    }

    /// What to write for a character that XML has not.
    func standIn(for scalar: Unicode.Scalar) -> [UInt8] {
        prefix + [0x80 | (scalar.value < 0x20 ? UInt8(scalar.value) : UInt8(scalar.value - 0xFFFE) + 0x20)]
    }

    /// Nil where nothing stands for something else.
    func restored(_ bytes: UnsafeBufferPointer<UInt8>) -> [UInt8]? {
        guard bytes.indices.contains(where: { isStandIn(bytes, at: $0) }) else { return nil }
        var result: [UInt8] = []
        result.reserveCapacity(bytes.count)
        var position = 0
        while position < bytes.count {
            guard isStandIn(bytes, at: position) else {
                result.append(bytes[position])
                position += 1
                continue
            }
            let index = bytes[position + 3] & 0x3F
            if index < 0x20 { result.append(index) } else { result += [0xEF, 0xBF, 0xBE + (index - 0x20)] }
            position += 4
        }
        return result
    }
}
