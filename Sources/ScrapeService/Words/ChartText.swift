/// Text as XML 1.0 may hold it.
enum SVGText {
    /// `text` without what XML forbids (control characters, U+FFFE, U+FFFF) and without direction overrides,
    /// which would turn the neighbouring text round.
    static func clean(_ text: String) -> String {
        var scalars = String.UnicodeScalarView()
        for scalar in text.unicodeScalars where isAllowed(scalar.value) { scalars.append(scalar) }
        return String(scalars)
    }

    static func escaped(_ text: String) -> String {
        var result = ""
        for scalar in clean(text).unicodeScalars {
            switch scalar {
            case "&": result += "&amp;"
            case "<": result += "&lt;"
            case ">": result += "&gt;"
            case "\"": result += "&quot;"
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result
    }

    private static func isAllowed(_ code: UInt32) -> Bool {
        switch code {
        case 0..<0x20, 0x7F..<0xA0, 0x2028, 0x2029, 0x202A...0x202E, 0x2066...0x2069, 0xFFFE, 0xFFFF: false
        default: true
        }
    }
}

/// How wide a text may become: no font is at hand, so a generous guess (DejaVu Sans, the widest of the usual ones).
enum TextWidth {
    static func of(_ text: String, fontSize: Double) -> Double {
        text.reduce(0) { $0 + ems($1) } * fontSize
    }

    /// `text`, or as much of its beginning as fits with an ellipsis.
    static func shortened(_ text: String, to width: Double, fontSize: Double) -> String {
        var used = 0.0
        var kept = text.startIndex
        let room = width / fontSize
        for index in text.indices {
            used += ems(text[index])
            if used > room { return text[..<kept] + "\u{2026}" }
            if used <= room - 1 { kept = text.index(after: index) }
        }
        return text
    }

    private static func ems(_ character: Character) -> Double {
        guard let scalar = character.unicodeScalars.first else { return 0 }
        switch scalar.value {
        case 0x1100...0x11FF, 0x2E80...0xA4CF, 0xAC00...0xD7A3, 0xF900...0xFAFF, 0xFE30...0xFE4F,
            0xFF00...0xFF60, 0x1F000...0x3FFFF:
            return 1.3
        default: break
        }
        if "ijlftI.,:;'|()[] ".contains(character) { return 0.42 }
        if "mwMW@%\u{2026}".contains(character) { return 1.0 }
        return character.isUppercase ? 0.78 : 0.65
    }
}

/// Round numbers along the axis.
enum Ticks {
    /// Zero and multiples of 1, 2 or 5 times a power of ten, six at most.
    static func values(upTo top: Int) -> [Int] {
        var step = 1
        var factors = [2, 5, 10]
        var power = 1
        while top / step > 5 {
            if factors.isEmpty {
                factors = [2, 5, 10]
                power *= 10
            }
            step = factors.removeFirst() * power
        }
        return Array(stride(from: 0, through: top, by: step))
    }
}

extension Int {
    /// Digits in groups of three: 1,234,567.
    var grouped: String {
        let digits = Array(String(magnitude))
        var result = self < 0 ? "-" : ""
        for (index, digit) in digits.enumerated() {
            if index > 0 && (digits.count - index).isMultiple(of: 3) { result += "," }
            result.append(digit)
        }
        return result
    }
}

extension Double {
    /// At most one decimal, none where it is zero: keeps a chart of 10,000 rows small.
    fileprivate var oneDecimal: (whole: Int, tenth: Int) {
        let tenths = Int((self * 10).rounded())
        return (tenths / 10, tenths % 10)
    }

    var short: String {
        let parts = oneDecimal
        return parts.tenth == 0 ? "\(parts.whole)" : "\(parts.whole).\(parts.tenth)"
    }
}
