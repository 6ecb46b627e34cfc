import Testing

@testable import ScrapeService

@Suite struct WordCounterTests {
    private func count(
        _ texts: String..., tokenizer: Tokenizer = .unicode, stopWords: Set<String> = []
    ) -> WordCounter {
        var counter = WordCounter(tokenizer: tokenizer, stopWords: stopWords)
        for text in texts { counter.add(text) }
        return counter
    }

    private func words(_ text: String, _ tokenizer: Tokenizer = .unicode) -> [String: Int] {
        let rows = count(text, tokenizer: tokenizer).top(limit: 1000)
        return Dictionary(uniqueKeysWithValues: rows.map { ($0.word, $0.count) })
    }

    @Test func `words are lower-cased and counted over all texts`() {
        let counter = count("Motor motor, MOTOR!", "De motor: één fiets.")
        #expect(counter.totalWords == 7)
        #expect(counter.distinctWords == 4)
        #expect(counter.top(limit: 1) == [WordCount(word: "motor", count: 4)])
    }

    @Test func `apostrophes and decimal points stay inside, punctuation outside`() {
        #expect(
            words("foto's 3,14 a.b 'x' e-mail 10:30 a_b ___") == [
                "foto's": 1, "3,14": 1, "a.b": 1, "x": 1, "e": 1, "mail": 1, "10": 1, "30": 1, "a_b": 1,
            ])
    }

    @Test func `a word does not span two texts`() {
        #expect(count("foot", "ball").top(limit: 9).map(\.word) == ["ball", "foot"])
    }

    @Test func `ideographs stand alone, kana hold together, emoji and flags are no words`() {
        #expect(words("漢字 カタカナ 🛑 🇳🇱 ½") == ["漢": 1, "字": 1, "カタカナ": 1, "½": 1])
    }

    @Test func `lower case is Python's, final sigma included`() {
        #expect(
            words("ΟΔΟΣ Σ ΣΑΣ İ \u{212A}g ÀÉ ẞ Ǆ 𐐀") == [
                "οδος": 1, "σ": 1, "σας": 1, "i\u{307}": 1, "kg": 1, "àé": 1, "ß": 1, "ǆ": 1, "𐐨": 1,
            ])
    }

    @Test func `canonically equal spellings are different words, as in Python`() {
        #expect(count("caf\u{E9} cafe\u{301}").distinctWords == 2)
    }

    @Test func `the ascii tokenizer splits on the space alone and deletes the rest`() {
        let text = "Foto's  te\nkoop:\u{A0}3,14 één ___ - \u{212A}M İl\tX"
        #expect(words(text, .ascii) == ["fotos": 1, "tekoop314": 1, "n": 1, "km": 1, "ilx": 1])
    }

    @Test func `stop words are dropped from both totals, after tokenizing, in any case`() {
        let counter = count("De motor en de fiets", stopWords: ["DE", "en", "afwezig", ""])
        #expect(counter.totalWords == 2)
        #expect(counter.distinctWords == 2)
        #expect(counter.top(limit: 9).map(\.word) == ["fiets", "motor"])
        #expect(count("Foto's", tokenizer: .ascii, stopWords: ["fotos"]).totalWords == 0)
    }

    @Test func `the order is count, then code point; minimum and limit cut the list and not the totals`() {
        let counter = count("b b a a é é z 😀a c", stopWords: [])
        #expect(counter.top(limit: 9).map(\.word) == ["a", "b", "é", "c", "z"])
        #expect(counter.top(minCount: 2, limit: 9).map(\.count) == [3, 2, 2])
        #expect(counter.top(minCount: 2, limit: 2).map(\.word) == ["a", "b"])
        #expect(counter.top(limit: 0).isEmpty)
        #expect(counter.totalWords == 9)
    }

    @Test func `the limit keeps the best of very many words`() {
        var counter = WordCounter(tokenizer: .ascii, stopWords: [])
        for number in 0..<20_000 { counter.add("w\(number) " + (number % 1000 == 7 ? "w\(number)" : "")) }
        #expect(counter.distinctWords == 20_000)
        let top = counter.top(limit: 21)
        #expect(top.prefix(20).allSatisfy { $0.count == 2 })
        #expect(top.last == WordCount(word: "w0", count: 1))
        #expect(top.prefix(3).map(\.word) == ["w10007", "w1007", "w11007"])
    }

    @Test func `a counter is a value: a copy counts on by itself`() {
        let first = count("a b")
        var second = first
        second.add("a")
        #expect(first.top(limit: 1) == [WordCount(word: "a", count: 1)])
        #expect(second.top(limit: 1) == [WordCount(word: "a", count: 2)])
    }

    @Test(arguments: Tokenizer.allCases)
    func `empty and huge texts and words of a megabyte do no harm`(tokenizer: Tokenizer) {
        var counter = count("", " ", "...", "\0", tokenizer: tokenizer)
        #expect(counter.totalWords == 0)
        counter.add(String(repeating: "x", count: 1 << 20))
        counter.add(String(repeating: "x", count: 1 << 20) + " " + String(repeating: "é ", count: 1 << 20))
        #expect(counter.top(limit: 1).first?.count == (tokenizer == .unicode ? 1 << 20 : 2))
    }
}
