import Glibc

/// An HTML page as libxml2's parser of HTML 4 must be given it to read it as HTML's standard does: line ends are one
/// character, references that HTML 4 has not are written out, characters that XML has not have stand-ins, and markup
/// that HTML takes for text or for a comment is written as such. A page that needs none of this is not copied.
struct HTMLInput {
    let bytes: [UInt8]
    let start: Int
    /// What to write back in the text taken from the tree.
    let standIns: StandIns?

    init(_ text: PageText) {
        var bytes = text.bytes
        var start = text.start
        var needsStandIns = false
        if text.hasOddities {
            bytes = Self.withNormalLineEnds(bytes, from: start)
            start = 0
            // Line ends may have been all.
            needsStandIns = UTF8Scan(bytes, from: 0).hasOddities
        }
        if needsStandIns || Self.hasOddReference(bytes, from: start) || OddMarkup.isIn(bytes, from: start) {
            var taken = StandIns.blocks(in: bytes)
            // Again where the page means one of the stand-ins by a reference: then all that it means are known.
            for _ in 0..<2 {
                guard let standIns = StandIns(besides: taken) else { break }
                let rewriter = HTMLRewriter.rewrite(bytes[start...], standIns)
                taken |= rewriter.blocksMet
                if rewriter.usesStandIns, taken & standIns.blocks != 0 { continue }
                self.bytes = rewriter.output
                self.start = 0
                self.standIns = rewriter.usesStandIns ? standIns : nil
                return
            }
        }
        self.bytes = bytes
        self.start = start
        standIns = nil
    }

    /// HTML, section 13.2.3.5: CR LF and CR are LF.
    private static func withNormalLineEnds(_ bytes: [UInt8], from start: Int) -> [UInt8] {
        bytes.withUnsafeBufferPointer { input in
            var result: [UInt8] = []
            result.reserveCapacity(input.count - start)
            var position = start
            while let end = index(of: 0x0D, in: input, from: position) {
                result.append(contentsOf: UnsafeBufferPointer(rebasing: input[position..<end]))
                result.append(0x0A)
                position = end + 1
                if position < input.count, input[position] == 0x0A { position += 1 }
            }
            result.append(contentsOf: UnsafeBufferPointer(rebasing: input[position...]))
            return result
        }
    }

    private static func hasOddReference(_ bytes: [UInt8], from start: Int) -> Bool {
        bytes.withUnsafeBufferPointer { input in
            var position = start
            while let found = index(of: UInt8(ascii: "&"), in: input, from: position) {
                if !HTMLReferences.isPlain(input, at: found) { return true }
                position = found + 1
            }
            return false
        }
    }

    static func index(of byte: UInt8, in bytes: UnsafeBufferPointer<UInt8>, from start: Int) -> Int? {
        guard let base = bytes.baseAddress, start < bytes.count,
            let found = memchr(base + start, Int32(byte), bytes.count - start)
        else { return nil }
        return UnsafeRawPointer(found) - UnsafeRawPointer(base)
    }
}
