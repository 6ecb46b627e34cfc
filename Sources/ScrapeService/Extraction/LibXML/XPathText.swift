internal import CLibXML
import Glibc

/// Operations on UTF-8 that count in characters or search; all are linear in their operands.
enum XPathText {
    typealias Bytes = UnsafeBufferPointer<UInt8>

    static func isSpace(_ byte: UInt8) -> Bool {
        byte == 0x20 || byte == 0x09 || byte == 0x0A || byte == 0x0D
    }

    private static func startsCharacter(_ byte: UInt8) -> Bool { byte & 0xC0 != 0x80 }

    static func length(_ text: Bytes) -> Int {
        text.reduce(0) { $0 + (startsCharacter($1) ? 1 : 0) }
    }

    /// Where `part` first stands in `text`.
    static func find(_ part: Bytes, in text: Bytes) -> Int? {
        guard !part.isEmpty else { return 0 }
        guard !text.isEmpty, let found = memmem(text.baseAddress, text.count, part.baseAddress, part.count)
        else { return nil }
        return UnsafeRawPointer(found) - UnsafeRawPointer(text.baseAddress.unsafelyUnwrapped)
    }

    /// The characters whose positions from 1 are at least `start` and less than `end` (section 4.2).
    static func substring(_ text: Bytes, from start: Double, to end: Double) -> [UInt8] {
        guard start < end else { return [] }
        var position = 0
        var first = text.count
        var last = text.count
        for (index, byte) in text.enumerated() where startsCharacter(byte) {
            position += 1
            if Double(position) >= end {
                last = index
                break
            }
            if first == text.count, Double(position) >= start { first = index }
        }
        return first < last ? Array(text[first..<last]) : []
    }

    static func normalizeSpace(_ text: Bytes) -> [UInt8] {
        var result: [UInt8] = []
        result.reserveCapacity(text.count)
        var isPending = false
        for byte in text {
            if isSpace(byte) {
                isPending = !result.isEmpty
            } else {
                if isPending { result.append(0x20) }
                isPending = false
                result.append(byte)
            }
        }
        return result
    }

    /// A character that stands twice in `from` counts where it stands first; one without partner in `to` goes.
    static func translate(_ text: Bytes, from: Bytes, to: Bytes) -> [UInt8] {
        var targets: [UInt32: Range<Int>] = [:]
        var source = 0
        var target = 0
        while source < from.count {
            let end = endOfCharacter(from, at: source)
            let targetEnd = target < to.count ? endOfCharacter(to, at: target) : target
            let key = key(from, source..<end)
            if targets[key] == nil { targets[key] = target..<targetEnd }
            source = end
            target = targetEnd
        }
        var result: [UInt8] = []
        result.reserveCapacity(text.count)
        var start = 0
        while start < text.count {
            let end = endOfCharacter(text, at: start)
            if let range = targets[key(text, start..<end)] {
                result.append(contentsOf: to[range])
            } else {
                result.append(contentsOf: text[start..<end])
            }
            start = end
        }
        return result
    }

    private static func endOfCharacter(_ text: Bytes, at start: Int) -> Int {
        var end = start + 1
        while end < text.count, !startsCharacter(text[end]) { end += 1 }
        return end
    }

    /// The character's bytes in one number.
    private static func key(_ text: Bytes, _ range: Range<Int>) -> UInt32 {
        range.reduce(0) { $0 << 8 | UInt32(text[$1]) }
    }
}

/// The text of nodes (section 5).
extension XPathEvaluator {
    func withText<Result>(
        of node: xmlNodePtr, _ body: (UnsafeBufferPointer<UInt8>) throws -> Result
    ) throws -> Result {
        if node.isAttribute {
            let attribute = UnsafeMutableRawPointer(node).assumingMemoryBound(to: xmlAttr.self)
            return try withText(attribute.value, body)
        }
        guard node.isElement || node.isDocument else { return try withText(node.pointee.content, body) }
        if let only = node.pointee.children, only.pointee.next == nil, only.isText {
            return try withText(only.pointee.content, body)
        }
        var text: [UInt8] = []
        var inner = node.firstChildOfTree
        while let current = inner {
            try budget.pointee.spend()
            if current.isText, let content = current.pointee.content {
                let piece = UnsafeBufferPointer(cString: XMLText(content))
                try budget.pointee.spend(bytes: piece.count)
                text.append(contentsOf: piece)
            }
            inner = current.following(within: node)
        }
        return try text.withUnsafeBufferPointer(body)
    }

    private func withText<Result>(
        _ content: UnsafePointer<xmlChar>?, _ body: (UnsafeBufferPointer<UInt8>) throws -> Result
    ) throws -> Result {
        guard let content else { return try body(UnsafeBufferPointer(start: nil, count: 0)) }
        let text = UnsafeBufferPointer(cString: content)
        try budget.pointee.spend(bytes: text.count)
        return try body(text)
    }
}
