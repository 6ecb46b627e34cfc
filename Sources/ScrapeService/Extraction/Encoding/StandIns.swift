/// Characters that XML has not, and libxml2's trees therefore cannot hold, but HTML has: control characters, U+FFFE and
/// U+FFFF. A page's are written as 34 private characters that it has none of, and written back in the text taken of it.
struct StandIns: Sendable {
    /// U+10F000 + 64 * block and the 63 behind it, which differ in the last byte only.
    private let block: UInt8

    static let blocks: [StandIns] = (0..<64).reversed().map(StandIns.init)

    private init(block: UInt8) { self.block = block }

    /// The first bytes that they have in common.
    var prefix: [UInt8] { [0xF4, 0x8F, 0x80 | block] }

    private func isStandIn(_ bytes: UnsafeBufferPointer<UInt8>, at position: Int) -> Bool {
        position + 3 < bytes.count && bytes[position] == 0xF4 && bytes[position + 1] == 0x8F
            && bytes[position + 2] == 0x80 | block
    }

    func contains(_ scalar: Unicode.Scalar) -> Bool { scalar.value >> 6 == 0x10F000 >> 6 + UInt32(block) }

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
