/// The words of a text as the notebook counts them; see ``Tokenizer/ascii``.
enum ASCIIWords {
    /// Calls `body` with each word of `text`: valid UTF-8 whose ASCII letters are lower case already. The bytes
    /// live for the call only, and `text` is overwritten: what is kept of a word moves to its front.
    ///
    /// Two code points beyond ASCII have a lower case inside it: `İ` (i and a dot above) and the Kelvin sign (k).
    @inline(__always)
    static func forEach(
        in text: UnsafeMutableBufferPointer<UInt8>, _ body: (UnsafeBufferPointer<UInt8>) -> Void
    ) {
        ByteClass.table.withUnsafeBufferPointer { byteClass in
            var start = 0
            var end = 0
            for place in 0..<text.count {
                let byte = text[place]
                let kind = byteClass[Int(byte)]
                if kind == ByteClass.letter || kind == ByteClass.digit {
                    text[end] = byte
                    end += 1
                } else if byte == 0x20 {
                    if end > start { body(UnsafeBufferPointer(rebasing: text[start..<end])) }
                    start = place + 1
                    end = start
                } else if kind == ByteClass.beyondASCII, let letter = asciiLowerCase(text, place) {
                    text[end] = letter
                    end += 1
                }
            }
            if end > start { body(UnsafeBufferPointer(rebasing: text[start..<end])) }
        }
    }

    private static func asciiLowerCase(_ text: UnsafeMutableBufferPointer<UInt8>, _ place: Int) -> UInt8? {
        switch text[place] {
        case 0xC4 where text[place + 1] == 0xB0: UInt8(ascii: "i")
        case 0xE2 where text[place + 1] == 0x84 && text[place + 2] == 0xAA: UInt8(ascii: "k")
        default: nil
        }
    }
}
