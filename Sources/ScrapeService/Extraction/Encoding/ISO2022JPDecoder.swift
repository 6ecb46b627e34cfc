/// ISO-2022-JP (WHATWG Encoding Standard, section 12.2.1): escape sequences say what the next bytes are.
struct ISO2022JPDecoder {
    private enum State {
        case ascii, roman, katakana, lead
    }

    private let jis0208: [UInt32]
    private var state = State.ascii
    /// An escape sequence that nothing follows but another one is an error.
    private var isAfterEscape = false

    init(jis0208: [UInt32]) { self.jis0208 = jis0208 }

    mutating func decode(_ input: UnsafeBufferPointer<UInt8>, into output: inout DecodedText) {
        var position = 0
        while position < input.count {
            let byte = input[position]
            position += 1
            if byte == 0x1B {
                position += escape(input, at: position, into: &output)
            } else if state == .lead, (0x21...0x7E).contains(byte) {
                isAfterEscape = false
                position += trail(input, at: position, lead: byte, into: &output)
            } else {
                isAfterEscape = false
                output.append(single(byte))
            }
        }
    }

    private func single(_ byte: UInt8) -> UInt32 {
        switch state {
        case .katakana where (0x21...0x5F).contains(byte): return 0xFF61 + UInt32(byte - 0x21)
        case .katakana, .lead: return 0xFFFD
        case .roman where byte == 0x5C: return 0xA5
        case .roman where byte == 0x7E: return 0x203E
        case .ascii, .roman: return byte < 0x80 && byte != 0x0E && byte != 0x0F ? UInt32(byte) : 0xFFFD
        }
    }

    /// The bytes taken.
    private func trail(
        _ input: UnsafeBufferPointer<UInt8>, at position: Int, lead: UInt8, into output: inout DecodedText
    ) -> Int {
        // An escape sequence ends half a character, and is read.
        guard position < input.count, input[position] != 0x1B else {
            output.appendError()
            return 0
        }
        let byte = input[position]
        guard (0x21...0x7E).contains(byte) else {
            output.appendError()
            return 1
        }
        let scalar = jis0208[Int(lead - 0x21) * 94 + Int(byte - 0x21)]
        output.append(scalar == CharacterTables.none ? 0xFFFD : scalar)
        return 1
    }

    /// The bytes taken behind the escape character.
    private mutating func escape(
        _ input: UnsafeBufferPointer<UInt8>, at position: Int, into output: inout DecodedText
    ) -> Int {
        let sequence = position + 1 < input.count ? (input[position], input[position + 1]) : (0, 0)
        switch sequence {
        case (0x28, 0x42): state = .ascii
        case (0x28, 0x4A): state = .roman
        case (0x28, 0x49): state = .katakana
        case (0x24, 0x40), (0x24, 0x42): state = .lead
        default:
            isAfterEscape = false
            output.appendError()
            return 0
        }
        if isAfterEscape { output.appendError() }
        isAfterEscape = true
        return 2
    }
}
