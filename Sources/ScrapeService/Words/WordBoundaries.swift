/// Word boundaries of UAX #29 (default rules, no dictionary): classes in, segments out.
struct WordBoundaries {
    private let classes: [WordClass]

    init(_ classes: [WordClass]) {
        self.classes = classes
    }

    /// Hands over every segment in order; together they cover the whole (WB1, WB2).
    func forEachSegment(_ body: (Range<Int>) -> Void) {
        guard let first = classes.first else { return }
        var context = Context(first.kind)
        var start = 0
        for index in 1..<max(1, classes.count) {
            if isBoundary(before: index, context) {
                body(start..<index)
                start = index
            }
            context.advance(to: classes[index].kind)
        }
        body(start..<classes.count)
    }

    /// The two characters to the left that count: those WB4 ignores are left out.
    private struct Context {
        var previous: WordClass.Kind
        var beforePrevious = WordClass.Kind.other
        /// The character just left of the place, ignored or not.
        var adjacent: WordClass.Kind
        /// Length of the run of regional indicators that ends here (WB15, WB16).
        var indicators = 0

        init(_ first: WordClass.Kind) {
            previous = first
            adjacent = first
            indicators = first == .regionalIndicator ? 1 : 0
        }

        mutating func advance(to kind: WordClass.Kind) {
            let afterLineEnd = adjacent.isLineEnd
            adjacent = kind
            if kind.isIgnored && !afterLineEnd { return }
            beforePrevious = previous
            previous = kind
            indicators = kind == .regionalIndicator ? indicators + 1 : 0
        }
    }

    private func isBoundary(before index: Int, _ context: Context) -> Bool {
        let next = classes[index].kind
        if context.adjacent == .carriageReturn && next == .lineFeed { return false }  // WB3
        if context.adjacent.isLineEnd || next.isLineEnd { return true }  // WB3a, WB3b
        if context.adjacent == .joiner && classes[index].isPictographic { return false }  // WB3c
        if context.adjacent == .space && next == .space { return false }  // WB3d
        if next.isIgnored { return false }  // WB4
        return !joinsWord(context, next, index) && !joinsRun(context, next)
    }

    /// WB5 to WB12: letters, digits, and the punctuation inside of them.
    private func joinsWord(_ context: Context, _ next: WordClass.Kind, _ index: Int) -> Bool {
        let (previous, before) = (context.previous, context.beforePrevious)
        let previousJoins = previous.isLetter || previous == .numeric
        if previousJoins && (next.isLetter || next == .numeric) { return true }  // WB5, WB8, WB9, WB10
        if previous == .hebrewLetter && next == .singleQuote { return true }  // WB7a
        if previous.isLetter && next.joinsLetters && kind(after: index).isLetter { return true }  // WB6
        if before.isLetter && previous.joinsLetters && next.isLetter { return true }  // WB7
        if previous == .hebrewLetter && next == .doubleQuote && kind(after: index) == .hebrewLetter {
            return true  // WB7b
        }
        if before == .hebrewLetter && previous == .doubleQuote && next == .hebrewLetter {
            return true  // WB7c
        }
        if before == .numeric && previous.joinsDigits && next == .numeric { return true }  // WB11
        return previous == .numeric && next.joinsDigits && kind(after: index) == .numeric  // WB12
    }

    /// WB13 to WB16: katakana, connectors, flags.
    private func joinsRun(_ context: Context, _ next: WordClass.Kind) -> Bool {
        switch (context.previous, next) {
        case (.katakana, .katakana): true  // WB13
        case (.letter, .extendNumLet), (.hebrewLetter, .extendNumLet), (.numeric, .extendNumLet),
            (.katakana, .extendNumLet), (.extendNumLet, .extendNumLet):
            true  // WB13a
        case (.extendNumLet, .letter), (.extendNumLet, .hebrewLetter), (.extendNumLet, .numeric),
            (.extendNumLet, .katakana):
            true  // WB13b
        case (.regionalIndicator, .regionalIndicator): context.indicators % 2 == 1  // WB15, WB16
        default: false
        }
    }

    /// The next character that WB4 does not ignore; `other` at the end.
    private func kind(after index: Int) -> WordClass.Kind {
        var place = index + 1
        while place < classes.count {
            let kind = classes[place].kind
            if !kind.isIgnored { return kind }
            place += 1
        }
        return .other
    }
}
