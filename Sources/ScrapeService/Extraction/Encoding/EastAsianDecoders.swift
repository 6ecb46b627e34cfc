/// The multi-byte decoders of the WHATWG Encoding Standard but for ISO-2022-JP (sections 10 to 13). An ASCII byte that
/// cannot be second is read again: markup behind half a character stays markup.
extension TextDecoder {
    typealias Bytes = UnsafeBufferPointer<UInt8>

    /// Section 10.2.1.
    static func gb18030(
        _ input: Bytes, _ pairs: [UInt32], _ quads: [UInt32], into output: inout DecodedText
    ) {
        var position = 0
        while position < input.count {
            let first = input[position]
            switch first {
            case 0x00...0x7F: output.append(UInt32(first))
            case 0x80: output.append(0x20AC)
            case 0x81...0xFE:
                if position + 1 < input.count, (0x30...0x39).contains(input[position + 1]) {
                    position += gb18030Quad(input, at: position, quads, into: &output)
                } else {
                    position += pair(input, at: position, into: &output) { trail in
                        guard let column = column(trail, after: 0x7F) else { return CharacterTables.none }
                        return pairs[Int(first - 0x81) * 190 + column]
                    }
                }
            default: output.appendError()
            }
            position += 1
        }
    }

    /// Bytes taken besides the first.
    private static func gb18030Quad(
        _ input: Bytes, at start: Int, _ quads: [UInt32], into output: inout DecodedText
    ) -> Int {
        for (offset, range) in [(2, UInt8(0x81)...0xFE), (3, 0x30...0x39)] {
            guard start + offset < input.count else {
                output.appendError()
                return offset - 1
            }
            guard range.contains(input[start + offset]) else {
                output.appendError()
                return 0
            }
        }
        let high = Int(input[start] - 0x81) * 12600 + Int(input[start + 1] - 0x30) * 1260
        let pointer = high + Int(input[start + 2] - 0x81) * 10 + Int(input[start + 3] - 0x30)
        switch pointer {
        case ..<quads.count: output.append(quads[pointer] == 0 ? 0xFFFD : quads[pointer])
        case 189_000...1_237_575: output.append(UInt32(pointer - 189_000 + 0x10000))
        default: output.appendError()
        }
        return 3
    }

    /// Columns 0x40…0x7E and, behind the gap, 0x80…0xFE.
    private static func column(_ trail: UInt8, after gap: UInt8) -> Int? {
        guard trail >= 0x40, trail != gap, trail <= 0xFE else { return nil }
        return Int(trail) - (trail < gap ? 0x40 : 0x41)
    }

    /// Section 11.1.1.
    static func big5(_ input: Bytes, _ table: [UInt32], into output: inout DecodedText) {
        var position = 0
        while position < input.count {
            let first = input[position]
            switch first {
            case 0x00...0x7F: output.append(UInt32(first))
            case 0x81...0xFE:
                var mark: UInt32?
                position += pair(input, at: position, into: &output) { trail in
                    guard (0x40...0x7E).contains(trail) || (0xA1...0xFE).contains(trail) else { return 0 }
                    let pointer = Int(first - 0x81) * 157 + Int(trail) - (trail < 0x7F ? 0x40 : 0x62)
                    guard let letters = big5Letters[pointer] else { return table[pointer] }
                    mark = letters.mark
                    return letters.letter
                }
                if let mark { output.append(mark) }
            default: output.appendError()
            }
            position += 1
        }
    }

    /// The four that are a letter and a mark.
    private static let big5Letters: [Int: (letter: UInt32, mark: UInt32)] = [
        1133: (0xCA, 0x304), 1135: (0xCA, 0x30C), 1164: (0xEA, 0x304), 1166: (0xEA, 0x30C),
    ]

    /// Section 13.1.1.
    static func eucKR(_ input: Bytes, _ table: [UInt32], into output: inout DecodedText) {
        var position = 0
        while position < input.count {
            let first = input[position]
            switch first {
            case 0x00...0x7F: output.append(UInt32(first))
            case 0x81...0xFE:
                position += pair(input, at: position, into: &output) { trail in
                    guard (0x41...0xFE).contains(trail) else { return CharacterTables.none }
                    return table[Int(first - 0x81) * 190 + Int(trail - 0x41)]
                }
            default: output.appendError()
            }
            position += 1
        }
    }

    /// Section 12.3.1.
    static func shiftJIS(_ input: Bytes, _ jis0208: [UInt32], into output: inout DecodedText) {
        var position = 0
        while position < input.count {
            let first = input[position]
            switch first {
            case 0x00...0x80: output.append(UInt32(first))
            case 0xA1...0xDF: output.append(halfWidthKana(first))
            case 0x81...0x9F, 0xE0...0xFC:
                position += pair(input, at: position, into: &output) { trail in
                    guard trail <= 0xFC, let column = column(trail, after: 0x7F) else {
                        return CharacterTables.none
                    }
                    return jis0208[Int(first - (first < 0xA0 ? 0x81 : 0xC1)) * 188 + column]
                }
            default: output.appendError()
            }
            position += 1
        }
    }

    private static func halfWidthKana(_ byte: UInt8) -> UInt32 { 0xFF61 + UInt32(byte - 0xA1) }

    /// Section 12.1.1.
    static func eucJP(
        _ input: Bytes, _ jis0208: [UInt32], _ jis0212: [UInt32], into output: inout DecodedText
    ) {
        let row = UInt8(0xA1)...0xFE
        var position = 0
        while position < input.count {
            let first = input[position]
            switch first {
            case 0x00...0x7F: output.append(UInt32(first))
            case 0x8F where position + 1 < input.count && row.contains(input[position + 1]):
                let second = input[position + 1]
                position += 1
                position += pair(input, at: position, into: &output) { trail in
                    row.contains(trail) ? jis0212[pointer94(second, trail)] : CharacterTables.none
                }
            case 0x8E, 0x8F, row:
                position += pair(input, at: position, into: &output) { trail in
                    if first == 0x8E, (0xA1...0xDF).contains(trail) { return halfWidthKana(trail) }
                    guard row.contains(first), row.contains(trail) else { return CharacterTables.none }
                    let pointer = pointer94(first, trail)
                    // The user-defined rows of the table are Shift_JIS's only.
                    return pointer < 8836 ? jis0208[pointer] : CharacterTables.none
                }
            default: output.appendError()
            }
            position += 1
        }
    }

    private static func pointer94(_ lead: UInt8, _ trail: UInt8) -> Int {
        Int(lead - 0xA1) * 94 + Int(trail - 0xA1)
    }

    /// Appends what the byte at `position` and the next are, and tells how many bytes besides the first that took.
    @inline(__always)
    private static func pair(
        _ input: Bytes, at position: Int, into output: inout DecodedText, character: (UInt8) -> UInt32
    ) -> Int {
        guard position + 1 < input.count else {
            output.appendError()
            return 0
        }
        let trail = input[position + 1]
        let scalar = character(trail)
        guard scalar == CharacterTables.none else {
            output.append(scalar)
            return 1
        }
        output.appendError()
        return trail < 0x80 ? 0 : 1
    }
}
