/// The words of a text by UAX #29, lower-cased, as UTF-8 bytes.
///
/// A word starts at the first letter, digit or connector of its segment. ASCII bytes that no rule joins to a letter
/// are always boundaries, so the text falls into stretches between them: those of pure ASCII are split by the byte
/// classes alone, the others go through ``WordBoundaries``.
struct UnicodeWords {
    /// Code points decoded at a time in a script that is written without spaces; a longer stretch is cut at an
    /// ideograph, which stands alone anyway. Bounds the memory of the slow path.
    static let maxStretchScalars = 4096

    private let text: UnsafeBufferPointer<UInt8>
    private let byteClass: UnsafeBufferPointer<UInt8>
    private var word: [UInt8] = []
    private var scalars: [Unicode.Scalar] = []
    private var classes: [WordClass] = []

    /// Calls `body` with each word of `text`: valid UTF-8 whose ASCII letters are lower case already. The bytes
    /// live for the call only.
    @inline(__always)
    static func forEach(in text: UnsafeBufferPointer<UInt8>, _ body: (UnsafeBufferPointer<UInt8>) -> Void) {
        ByteClass.table.withUnsafeBufferPointer { byteClass in
            var words = UnicodeWords(text: text, byteClass: byteClass)
            var place = 0
            while place < text.count {
                let kind = byteClass[Int(text[place])]
                if kind == ByteClass.letter || kind == ByteClass.digit || kind == ByteClass.connector {
                    let (end, isWordlike, isPlain) = words.asciiWord(place)
                    if isPlain && isWordlike { body(UnsafeBufferPointer(rebasing: text[place..<end])) }
                    place = isPlain ? end : words.stretch(place, body)
                } else if kind == ByteClass.beyondASCII {
                    place = words.stretch(place, body)
                } else {
                    place += 1
                }
            }
        }
    }

    private init(text: UnsafeBufferPointer<UInt8>, byteClass: UnsafeBufferPointer<UInt8>) {
        self.text = text
        self.byteClass = byteClass
    }

    /// Where the word that starts at `start` ends; it is not plain if anything beyond ASCII touches it.
    @inline(__always)
    private func asciiWord(_ start: Int) -> (end: Int, isWordlike: Bool, isPlain: Bool) {
        var place = start
        var isWordlike = false
        while place < text.count {
            let kind = byteClass[Int(text[place])]
            if kind == ByteClass.letter || kind == ByteClass.digit {
                isWordlike = true
            } else if kind == ByteClass.beyondASCII {
                return (place, isWordlike, false)
            } else if kind != ByteClass.connector {
                if kind == ByteClass.breaker || kind == ByteClass.quote || place + 1 == text.count { break }
                let next = byteClass[Int(text[place + 1])]
                if next == ByteClass.beyondASCII { return (place, isWordlike, false) }
                if !joins(byteClass[Int(text[place - 1])], kind, next) { break }
            }
            place += 1
        }
        return (place, isWordlike, true)
    }

    /// WB6, WB7, WB11, WB12 among ASCII bytes.
    @inline(__always)
    private func joins(_ previous: UInt8, _ middle: UInt8, _ next: UInt8) -> Bool {
        guard previous == next else { return false }
        return previous == ByteClass.letter
            ? middle != ByteClass.middleOfDigits
            : previous == ByteClass.digit && middle != ByteClass.middleOfLetters
    }

    /// Splits from `start`, a boundary, to the next ASCII byte that is always one; returns where it ends.
    private mutating func stretch(_ start: Int, _ body: (UnsafeBufferPointer<UInt8>) -> Void) -> Int {
        scalars.removeAll(keepingCapacity: true)
        classes.removeAll(keepingCapacity: true)
        var place = start
        while place < text.count, byteClass[Int(text[place])] != ByteClass.breaker {
            let (scalar, length) = decode(place)
            let wordClass = WordClass(scalar)
            if scalars.count >= Self.maxStretchScalars && wordClass.kind == .other
                && !wordClass.isPictographic
            {
                break
            }
            scalars.append(scalar)
            classes.append(wordClass)
            place += length
        }
        WordBoundaries(classes).forEachSegment { emit($0, body) }
        return place
    }

    private mutating func emit(_ segment: Range<Int>, _ body: (UnsafeBufferPointer<UInt8>) -> Void) {
        guard segment.contains(where: { classes[$0].isWordlike }) else { return }
        word.removeAll(keepingCapacity: true)
        let start = segment.first { classes[$0].isWordlike || classes[$0].kind == .extendNumLet }
        LowerCase.append(scalars[(start ?? segment.lowerBound)..<segment.upperBound], to: &word)
        word.withUnsafeBufferPointer(body)
    }

    /// One code point of UTF-8 that is known to be valid (RFC 3629 §3).
    @inline(__always)
    private func decode(_ place: Int) -> (Unicode.Scalar, Int) {
        let lead = UInt32(text[place])
        if lead < 0x80 { return (Unicode.Scalar(UInt8(lead)), 1) }
        let length = lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4
        var code = lead & (0x7F >> UInt32(length))
        for offset in 1..<length { code = code << 6 | UInt32(text[place + offset] & 0x3F) }
        return (Unicode.Scalar(code) ?? "\u{FFFD}", length)
    }
}
