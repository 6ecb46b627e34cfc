import Testing

@testable import ScrapeService

@Suite struct StopWordsTests {
    @Test func `every language has its list, and only of lower-case words`() throws {
        #expect(
            StopWords.languages == [
                "da", "de", "en", "es", "fi", "fr", "hu", "it", "nb", "ne", "nl", "no", "pt", "ru", "sv",
                "tr",
            ])
        for language in StopWords.languages {
            let words = try StopWords.words(for: language)
            #expect(words.count > 50)
            #expect(words.allSatisfy { !$0.isEmpty && $0 == $0.lowercased() && !$0.contains(" ") })
        }
    }

    @Test(arguments: [
        ("da", 94), ("nl", 106), ("en", 127), ("fi", 229), ("fr", 155), ("de", 231), ("hu", 198), ("it", 279),
        ("no", 172), ("pt", 203), ("ru", 151), ("es", 313), ("sv", 114), ("tr", 53), ("nb", 172),
    ])
    func `a list has as many different words as its source`(language: String, count: Int) throws {
        #expect(try StopWords.words(for: language).count == count)
    }

    @Test func `the Dutch list is the notebook's: Snowball's and five more`() throws {
        let words = try StopWords.words(for: "nl")
        #expect(words.isSuperset(of: ["de", "het", "een", "af", "we", "wel", "wij", "zei"]))
    }

    @Test func `several languages are taken together, in any case`() throws {
        let both = try StopWords.words(for: ["NL", "en"])
        #expect(both.isSuperset(of: ["het", "the"]))
    }

    @Test func `an unknown language is an error that says which there are`() {
        let error = #expect(throws: StopWords.UnknownLanguage.self) {
            try StopWords.words(for: ["nl", "xx"])
        }
        #expect(error?.code == "xx")
        #expect(error?.description.contains("da, de, en") == true)
    }
}
