internal import CLibXML
import Glibc

/// Comparisons of attribute values (Selectors Level 3, section 6.3). An empty value asked for matches
/// nothing, except with `=` and `|=`.
extension XMLText {
    /// What a test came to, and how many bytes of the value it read.
    struct TestResult {
        var isFound: Bool
        var bytesRead = 0
    }

    func satisfies(_ test: SelectorProgram.Attribute) -> TestResult {
        let count = test.valueCount
        switch test.comparison {
        case .exists:
            return TestResult(isFound: true)
        case .equals:
            return TestResult(isFound: hasPrefix(test) && self[count] == 0, bytesRead: count)
        case .includesWord:
            return hasWord(test.value, count: count, ignoringCase: test.ignoresCase)
        case .equalsOrDash:
            return TestResult(
                isFound: hasPrefix(test) && (self[count] == 0 || self[count] == UInt8(ascii: "-")),
                bytesRead: count)
        case .startsWith:
            return TestResult(isFound: count > 0 && hasPrefix(test), bytesRead: count)
        case .endsWith:
            let own = length
            return TestResult(
                isFound: count > 0 && own >= count && (self + (own - count)).hasPrefix(test), bytesRead: own)
        case .contains:
            return TestResult(isFound: count > 0 && contains(test), bytesRead: length)
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
        let own = UnsafeRawPointer(self).assumingMemoryBound(to: CChar.self)
        let value = UnsafeRawPointer(test.value).assumingMemoryBound(to: CChar.self)
        return (test.ignoresCase ? strcasestr(own, value) : strstr(own, value)) != nil
    }

    /// Whether one of the words between white space is `word`.
    func hasWord(_ word: XMLText, count: Int, ignoringCase: Bool) -> TestResult {
        guard count > 0 else { return TestResult(isFound: false) }
        var position = self
        while true {
            while position.pointee.isHTMLSpace { position += 1 }
            guard position.pointee != 0 else {
                return TestResult(isFound: false, bytesRead: position - self)
            }
            if position.starts(with: word, count: count, ignoringCase: ignoringCase),
                position[count] == 0 || position[count].isHTMLSpace
            {
                return TestResult(isFound: true, bytesRead: position - self)
            }
            while position.pointee != 0, !position.pointee.isHTMLSpace { position += 1 }
        }
    }
}

extension UInt8 {
    /// ASCII white space of HTML.
    var isHTMLSpace: Bool { self == 0x20 || (self >= 0x09 && self <= 0x0D && self != 0x0B) }
}
