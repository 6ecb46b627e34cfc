internal import CLibXML
import Glibc

/// XPath's numbers as text (XPath 1.0, sections 4.2 and 4.4), as libxml2 and so lxml read and write them: exponents are
/// read, and 15 digits are written (from 1 to 10 one more), so that 0.1 + 0.2 is 0.3. Only whole numbers keep all
/// their digits, as far as a double holds them.
enum XPathNumber {
    /// A longer number is none: no double needs so many digits.
    private static let maxDigits = 400
    /// Up to here a double holds every whole number.
    private static let maxExactWhole = 0x1p53

    static func parse(_ bytes: UnsafeBufferPointer<UInt8>) -> Double {
        let isSpace = XPathText.isSpace
        guard let first = bytes.firstIndex(where: { !isSpace($0) }),
            let last = bytes.lastIndex(where: { !isSpace($0) }), last - first < maxDigits
        else { return .nan }
        let word = UnsafeBufferPointer(rebasing: bytes[first...last])
        guard isNumber(word) else { return .nan }
        return strtod(String(decoding: word, as: UTF8.self), nil)
    }

    private static func isNumber(_ word: UnsafeBufferPointer<UInt8>) -> Bool {
        var position = 0
        func take(_ signs: StaticString) -> Bool {
            guard position < word.count, signs.withUTF8Buffer({ $0.contains(word[position]) }) else {
                return false
            }
            position += 1
            return true
        }
        func digits() -> Int {
            let start = position
            while take("0123456789") {}
            return position - start
        }
        _ = take("-")
        var count = digits()
        if take(".") { count += digits() }
        guard count > 0 else { return false }
        if take("eE") {
            _ = take("+-")
            guard digits() > 0 else { return false }
        }
        return position == word.count
    }

    static func text(_ number: Double) -> String {
        if number.isNaN { return "NaN" }
        if number.isInfinite { return number < 0 ? "-Infinity" : "Infinity" }
        if number == 0 { return "0" }
        if let whole = Int(exactly: number), abs(number) <= maxExactWhole { return String(whole) }
        let (digits, exponent) = decimal(abs(number))
        let sign = number < 0 ? "-" : ""
        if exponent < 0 { return sign + "0." + zeros(-exponent - 1) + digits }
        let point = exponent + 1
        if digits.count <= point { return sign + digits + zeros(point - digits.count) }
        return sign + digits.prefix(point) + "." + digits.dropFirst(point)
    }

    private static func zeros(_ count: Int) -> String { String(repeating: "0", count: count) }

    /// The digits without zeros at the end, and the power of ten of the first.
    private static func decimal(_ number: Double) -> (digits: String, exponent: Int) {
        var buffer = [CChar](repeating: 0, count: 32)
        _ = withVaList([(1..<10).contains(number) ? 15 : 14, number]) {
            vsnprintf(&buffer, buffer.count, "%.*e", $0)
        }
        let bytes = buffer.prefix { $0 != 0 }.map(UInt8.init(bitPattern:))
        let parts = String(decoding: bytes, as: UTF8.self).split(separator: "e")
        var digits = parts[0].filter { $0 != "." }
        while digits.count > 1, digits.last == "0" { digits.removeLast() }
        return (String(digits), Int(parts[1]) ?? 0)
    }
}
