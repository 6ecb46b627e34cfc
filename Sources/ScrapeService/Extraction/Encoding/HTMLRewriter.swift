/// Writes a page anew for ``HTMLInput``: enough of HTML's tokenizer (13.2.5) to know text, attribute values, scripts and
/// comments from one another, as libxml2's parser then will.
struct HTMLRewriter {
    private(set) var output: [UInt8] = []
    private(set) var usesStandIns = false
    /// Of those characters that references mean.
    private(set) var blocksMet: StandIns.Blocks = 0

    private let input: UnsafeBufferPointer<UInt8>
    private let standIns: StandIns
    private var position = 0

    static func rewrite(_ bytes: ArraySlice<UInt8>, _ standIns: StandIns) -> HTMLRewriter {
        bytes.withUnsafeBufferPointer { input in
            var rewriter = HTMLRewriter(input, standIns)
            rewriter.run()
            return rewriter
        }
    }

    private init(_ input: UnsafeBufferPointer<UInt8>, _ standIns: StandIns) {
        self.input = input
        self.standIns = standIns
        output.reserveCapacity(input.count + input.count / 8)
    }

    private enum Place {
        case text, attribute
        /// A script, style sheet, comment or declaration: no references.
        case raw
        /// The text of elements whose markup HTML takes for text, with references or without.
        case escapableText, rawText
    }

    private mutating func run() {
        while position < input.count {
            if input[position] == UInt8(ascii: "<") { markup() } else { character(in: .text) }
        }
    }

    private func peek(_ ahead: Int = 0) -> UInt8? {
        position + ahead < input.count ? input[position + ahead] : nil
    }

    private func stands(_ text: String.UTF8View, ahead: Int = 0) -> Bool {
        position + ahead + text.count <= input.count
            && zip(text, input[(position + ahead)...]).allSatisfy { $0 == Self.lowered($1) }
    }

    private static func lowered(_ byte: UInt8) -> UInt8 { (0x41...0x5A).contains(byte) ? byte + 32 : byte }

    // MARK: Markup

    private mutating func markup() {
        if stands("<!-->".utf8) || stands("<!--->".utf8) {
            leaveOut()
        } else if stands("<!--".utf8) {
            comment()
        } else if peek(1) == UInt8(ascii: "?") || stands("<!doctype".utf8) {
            copy(through: ">")
        } else if peek(1) == UInt8(ascii: "!") {
            leaveOut()
        } else if let next = peek(1), isLetter(next) {
            tag()
        } else if peek(1) == UInt8(ascii: "/"), let next = peek(2) {
            if isLetter(next) { tag() } else { leaveOut() }
        } else {
            character(in: .text)
        }
    }

    /// To the next `>`: a bogus comment, also a section of character data. Another comment keeps its neighbours apart.
    private mutating func leaveOut() {
        while let byte = peek(), byte != UInt8(ascii: ">") { position += 1 }
        position = min(position + 1, input.count)
        output += "<!---->".utf8
    }

    private func isLetter(_ byte: UInt8) -> Bool { (0x61...0x7A).contains(Self.lowered(byte)) }

    private mutating func copy(through end: String) {
        while position < input.count, !stands(end.utf8) { character(in: .raw) }
        for _ in end.utf8 where position < input.count { character(in: .raw) }
    }

    /// Section 13.2.5.52: `--!>` ends it as well.
    private mutating func comment() {
        for _ in 0..<4 { character(in: .raw) }
        while position < input.count, !stands("-->".utf8), !stands("--!>".utf8) { character(in: .raw) }
        guard position < input.count else { return }
        position += stands("-->".utf8) ? 3 : 4
        output += "-->".utf8
    }

    private mutating func tag() {
        let start = position + 1
        while let byte = peek(), !Self.endsName(byte) { character(in: .raw) }
        let name = String(decoding: input[start..<position].map(Self.lowered), as: UTF8.self)
        var isEmpty = false
        while let byte = peek(), byte != UInt8(ascii: ">") {
            // Not by the slash that ends a value without quotes.
            isEmpty = byte == UInt8(ascii: "/")
            if byte == UInt8(ascii: "=") { attributeValue() } else { tagByte() }
        }
        if peek() != nil { character(in: .raw) }
        if isEmpty { return }
        if name == "script" || name == "style" {
            while position < input.count, !(stands("</".utf8) && stands(name.utf8, ahead: 2)) {
                character(in: .raw)
            }
        } else if let place = Self.textElements[name] {
            while position < input.count, !isEnd(of: name) { character(in: place) }
        }
    }

    private static let textElements: [String: Place] = [
        "title": .escapableText, "textarea": .escapableText, "xmp": .rawText, "iframe": .rawText,
        "noembed": .rawText, "noframes": .rawText, "plaintext": .rawText,
    ]

    /// Nothing ends plain text.
    private func isEnd(of name: String) -> Bool {
        name != "plaintext" && stands("</".utf8) && stands(name.utf8, ahead: 2)
            && peek(2 + name.utf8.count).map(Self.endsName) == true
    }

    private static func endsName(_ byte: UInt8) -> Bool {
        byte == UInt8(ascii: ">") || byte == UInt8(ascii: "/") || isSpace(byte)
    }

    private static func isSpace(_ byte: UInt8) -> Bool {
        byte == 0x20 || byte == 0x09 || byte == 0x0A || byte == 0x0C
    }

    /// To HTML form feeds separate attributes, to libxml2 they do not.
    private mutating func tagByte() {
        if peek() == 0x0C {
            output.append(0x20)
            position += 1
        } else {
            character(in: .raw)
        }
    }

    private mutating func attributeValue() {
        tagByte()
        while let byte = peek(), Self.isSpace(byte) { tagByte() }
        guard let quote = peek(), quote == UInt8(ascii: "\"") || quote == UInt8(ascii: "'") else {
            while let byte = peek(), byte != UInt8(ascii: ">"), !Self.isSpace(byte) {
                character(in: .attribute)
            }
            return
        }
        tagByte()
        while let byte = peek(), byte != quote { character(in: .attribute) }
        if peek() != nil { tagByte() }
    }

    // MARK: Characters

    private mutating func character(in place: Place) {
        let byte = input[position]
        if byte == UInt8(ascii: "&"), place != .raw {
            reference(in: place)
        } else if byte == UInt8(ascii: "<"), place == .escapableText || place == .rawText {
            output += "&#60;".utf8
            position += 1
        } else if byte == 0 {
            // Only in text HTML leaves it out (13.2.6.4.7).
            if place != .text { write("\u{FFFD}", in: place) }
            position += 1
        } else if byte < 0x20, byte != 0x09, byte != 0x0A {
            write(Unicode.Scalar(byte), in: place)
            position += 1
        } else if byte == 0xEF, peek(1) == 0xBF, let last = peek(2), last >= 0xBE {
            write(last == 0xBE ? "\u{FFFE}" : "\u{FFFF}", in: place)
            position += 3
        } else {
            output.append(byte)
            position += 1
        }
    }

    private mutating func reference(in place: Place) {
        guard place != .rawText,
            let reference = HTMLReferences.reference(input, at: position, inAttribute: place == .attribute)
        else {
            output += "&#38;".utf8
            position += 1
            return
        }
        for scalar in reference.text.unicodeScalars {
            if scalar.value >= 0x20 || scalar.value == 0x09 || scalar.value == 0x0A || scalar.value == 0x0D,
                scalar.isASCII
            {
                output += "&#\(scalar.value);".utf8
            } else {
                blocksMet |= StandIns.blocks(of: scalar)
                write(scalar, in: place)
            }
        }
        position += reference.byteCount
    }

    /// libxml2 takes any character in an attribute.
    private mutating func write(_ scalar: Unicode.Scalar, in place: Place) {
        let isOdd = scalar.value < 0x20 || scalar.value == 0xFFFE || scalar.value == 0xFFFF
        if isOdd, place != .attribute {
            usesStandIns = true
            output += standIns.standIn(for: scalar)
        } else {
            output += String(Character(scalar)).utf8
        }
    }
}
