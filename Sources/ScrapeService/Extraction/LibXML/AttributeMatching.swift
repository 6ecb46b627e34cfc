internal import CLibXML
import Glibc

/// Comparisons of attribute values (Selectors Level 3, section 6.3). An empty value asked for matches
/// nothing, except with `=` and `|=`.
extension XMLText {
    func satisfies(_ test: SelectorProgram.Attribute) -> Bool {
        let count = test.valueCount
        switch test.comparison {
        case .exists:
            return true
        case .equals:
            return hasPrefix(test) && self[count] == 0
        case .includesWord:
            return hasWord(test.value, count: count, ignoringCase: test.ignoresCase)
        case .equalsOrDash:
            return hasPrefix(test) && (self[count] == 0 || self[count] == UInt8(ascii: "-"))
        case .startsWith:
            return count > 0 && hasPrefix(test)
        case .endsWith:
            let own = length
            return count > 0 && own >= count && (self + (own - count)).hasPrefix(test)
        case .contains:
            return count > 0 && contains(test)
        }
    }

    private var length: Int { strlen(UnsafeRawPointer(self).assumingMemoryBound(to: CChar.self)) }

    private func hasPrefix(_ test: SelectorProgram.Attribute) -> Bool {
        starts(with: test.value, count: test.valueCount, ignoringCase: test.ignoresCase)
    }

    private func starts(with other: XMLText, count: Int, ignoringCase: Bool) -> Bool {
        for index in 0..<count {
            let own = self[index]
            guard own == other[index] || (ignoringCase && lowered(own) == lowered(other[index])) else {
                return false
            }
            // The asked value has no NUL inside, so equality so far means that there is more of both.
        }
        return true
    }

    private func lowered(_ byte: UInt8) -> UInt8 { (0x41...0x5A).contains(byte) ? byte + 32 : byte }

    private func contains(_ test: SelectorProgram.Attribute) -> Bool {
        if !test.ignoresCase {
            let own = UnsafeRawPointer(self).assumingMemoryBound(to: CChar.self)
            return strstr(own, UnsafeRawPointer(test.value).assumingMemoryBound(to: CChar.self)) != nil
        }
        var position = self
        while position.pointee != 0 {
            if position.hasPrefix(test) { return true }
            position += 1
        }
        return false
    }

    /// Whether one of the words between white space is `word`.
    func hasWord(_ word: XMLText, count: Int, ignoringCase: Bool) -> Bool {
        guard count > 0 else { return false }
        var position = self
        while true {
            while position.pointee.isHTMLSpace { position += 1 }
            guard position.pointee != 0 else { return false }
            if position.starts(with: word, count: count, ignoringCase: ignoringCase),
                position[count] == 0 || position[count].isHTMLSpace
            {
                return true
            }
            while position.pointee != 0, !position.pointee.isHTMLSpace { position += 1 }
        }
    }
}

extension UInt8 {
    /// ASCII white space of HTML.
    var isHTMLSpace: Bool { self == 0x20 || (self >= 0x09 && self <= 0x0D && self != 0x0B) }
}
