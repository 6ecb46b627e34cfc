/// Translates I-Regexp (RFC 9485), the regular expressions of `match()` and `search()`, to those of ``Pattern``.
struct IRegexp {
    /// Parentheses within each other: bounds the stack.
    private static let maxDepth = 100
    /// PCRE2's own bound of a repetition.
    private static let maxRepeat = 65_535

    private let characters: [Unicode.Scalar]
    private var index = 0
    private var depth = 0
    private var output = ""

    /// Nil where `source` is no I-Regexp. `isWhole`: it must fit the whole text.
    static func pattern(_ source: String, isWhole: Bool) -> Pattern? {
        var translator = IRegexp(characters: Array(source.unicodeScalars))
        guard translator.translateAlternatives(), translator.index == translator.characters.count else {
            return nil
        }
        let translated = translator.output
        return try? Pattern(isWhole ? "\\A(?:\(translated))\\z" : translated)
    }

    private init(characters: [Unicode.Scalar]) { self.characters = characters }

    private var next: Unicode.Scalar? { index < characters.count ? characters[index] : nil }

    private mutating func take(_ character: Unicode.Scalar) -> Bool {
        guard next == character else { return false }
        index += 1
        return true
    }

    /// As itself, whatever it means to PCRE2.
    private mutating func write(_ character: Unicode.Scalar) {
        output += "\\x{" + String(character.value, radix: 16) + "}"
    }

    // MARK: Expressions

    private mutating func translateAlternatives() -> Bool {
        repeat {
            while let next, next != "|", next != ")" {
                guard translateAtom(), translateQuantifier() else { return false }
            }
            if next == "|" { output += "|" }
        } while take("|")
        return true
    }

    private mutating func translateAtom() -> Bool {
        guard let next else { return false }
        switch next {
        case "(":
            index += 1
            depth += 1
            guard depth <= Self.maxDepth else { return false }
            output += "(?:"
            guard translateAlternatives(), take(")") else { return false }
            output += ")"
            depth -= 1
            return true
        case ".":
            index += 1
            output += "[^\\n\\r]"
            return true
        case "[":
            index += 1
            return translateClass()
        case "\\":
            index += 1
            if self.next == "p" || self.next == "P" { return translateCategory() }
            guard let escaped = singleEscape() else { return false }
            write(escaped)
            return true
        case "^", "$":
            // Anchors, which XML Schema does not have: RFC 9485 §5.3 and §5.4 leave them as they are.
            index += 1
            output += next == "^" ? "\\A" : "\\z"
            return true
        case "*", "+", "?", ")", "]", "{", "}", "|": return false
        default:
            index += 1
            write(next)
            return true
        }
    }

    private mutating func translateQuantifier() -> Bool {
        guard let next else { return true }
        switch next {
        case "*", "+", "?":
            index += 1
            output.unicodeScalars.append(next)
            return true
        case "{":
            index += 1
            guard let least = number() else { return false }
            var text = String(least)
            if take(",") {
                text += ","
                if self.next != "}" {
                    guard let most = number(), most >= least else { return false }
                    text += String(most)
                }
            }
            output += "{\(text)}"
            return take("}")
        default: return true
        }
    }

    private mutating func number() -> Int? {
        let start = index
        var number = 0
        while let next, "0"..."9" ~= next {
            number = number * 10 + Int(next.value - 0x30)
            if number > Self.maxRepeat { return nil }
            index += 1
        }
        return index > start ? number : nil
    }

    // MARK: Characters

    /// Behind the backslash: one character that stands for itself or a control character.
    private mutating func singleEscape() -> Unicode.Scalar? {
        guard let next else { return nil }
        index += 1
        switch next {
        case "n": return "\n"
        case "r": return "\r"
        case "t": return "\t"
        case "("..."+", "-", ".", "?", "["..."^", "{"..."}": return next
        default: return nil
        }
    }

    /// `\p{Lu}`: the categories RFC 9485 §4 names.
    private mutating func translateCategory() -> Bool {
        let letter: Unicode.Scalar = next == "p" ? "p" : "P"
        index += 1
        guard take("{") else { return false }
        var name = ""
        while let next, next != "}", name.utf8.count < 2 {
            name.unicodeScalars.append(next)
            index += 1
        }
        guard take("}"), let group = name.first, let details = Self.categories[group],
            name.utf8.count == 1 || details.contains(name.last ?? " ")
        else { return false }
        output += "\\\(letter){\(name)}"
        return true
    }

    private static let categories: [Character: String] = [
        "L": "lmotu", "M": "cen", "N": "dlo", "P": "cdefios", "Z": "lps", "S": "ckmo", "C": "cfno",
    ]

    /// Behind the opening bracket.
    private mutating func translateClass() -> Bool {
        output += take("^") ? "[^" : "["
        var isEmpty = true
        if take("-") {
            write("-")
            isEmpty = false
        }
        while let next, next != "]" {
            isEmpty = false
            if next == "-" {
                // A hyphen by itself stands at the end.
                index += 1
                write("-")
                guard self.next == "]" else { return false }
                break
            }
            guard translateRange() else { return false }
        }
        guard !isEmpty, take("]") else { return false }
        output += "]"
        return true
    }

    private mutating func translateRange() -> Bool {
        if next == "\\", index + 1 < characters.count,
            characters[index + 1] == "p" || characters[index + 1] == "P"
        {
            index += 1
            return translateCategory()
        }
        guard let first = classCharacter() else { return false }
        write(first)
        guard next == "-", index + 1 < characters.count, characters[index + 1] != "]" else { return true }
        index += 1
        guard let last = classCharacter(), first <= last else { return false }
        output += "-"
        write(last)
        return true
    }

    private mutating func classCharacter() -> Unicode.Scalar? {
        guard let next else { return nil }
        index += 1
        switch next {
        case "\\": return singleEscape()
        case "-", "[", "]": return nil
        default: return next
        }
    }
}
