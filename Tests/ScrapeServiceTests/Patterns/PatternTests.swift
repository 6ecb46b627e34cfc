import Testing

@testable import ScrapeService

@Suite struct PatternTests {
    struct Search: Sendable, CustomTestStringConvertible {
        var pattern: String
        var text: String
        /// What the first group takes; nil: not found.
        var group: String?
        var testDescription: String { "\(pattern) in \(text)" }
    }

    @Test(arguments: [
        Search(pattern: "b", text: "abc", group: "b"),
        Search(pattern: "^b", text: "abc", group: nil),
        Search(pattern: "(a)(b)", text: "xab", group: "a"),
        Search(pattern: #"€ ?([\d.,]+)"#, text: "nu € 1.234,56 contant", group: "1.234,56"),
        Search(pattern: #"(?<year>\d{4})"#, text: "sinds 2019", group: "2019"),
        Search(pattern: "(?i)MOTOR", text: "een motor", group: "motor"),
        Search(pattern: "é+", text: "caféé", group: "éé"),
        Search(pattern: #"\w+"#, text: "-één-", group: "één"),
        Search(pattern: #"\d"#, text: "٣", group: "٣"),
        Search(pattern: ".", text: "\u{1F3CD}", group: "\u{1F3CD}"),
        Search(pattern: "a.b", text: "a\nb", group: nil),
        Search(pattern: "(?s)a.b", text: "a\nb", group: "a\nb"),
        Search(pattern: "", text: "", group: ""),
        Search(pattern: "^$", text: "", group: ""),
        Search(pattern: "x*", text: "", group: ""),
        Search(pattern: "a|(b)", text: "ab", group: nil),
        Search(pattern: #"(?<=id=)\w+"#, text: "?id=m12", group: "m12"),
        Search(pattern: "a\u{0}b", text: "xa\u{0}by", group: "a\u{0}b"),
    ])
    func theFirstGroupIsFound(_ search: Search) throws {
        #expect(try Pattern(search.pattern).firstGroup(in: search.text) == search.group)
    }

    @Test func aGroupThatTookNoPartIsStillAMatch() throws {
        #expect(try Pattern("a|(b)").matches("a"))
        #expect(try !Pattern("a|(b)").matches("c"))
    }

    @Test(arguments: [
        ("a(b", 3), ("*", 0), ("[z-a]", 3), ("é(", 2), (#"\C"#, 2), ("(?<1>a)", 3), (#"\p{Nope}"#, 8),
        (#"(?=ab\K)"#, 8),
    ])
    func whatDoesNotParseIsNamedWithItsPlace(_ source: String, _ offset: Int) {
        #expect {
            try Pattern(source)
        } throws: { error in
            let error = error as? PatternError
            return error?.offset == offset && error?.message.isEmpty == false
        }
    }

    @Test func aLongSourceIsRefused() {
        #expect(throws: PatternError.self) {
            try Pattern(String(repeating: "a", count: Pattern.maxSourceBytes + 1))
        }
    }

    /// Exponential, quadratic, and deep: each is given up, and none takes long.
    @Test(arguments: [
        ("(a+)+$", "a", 5_000), ("(a|aa)+$", "a", 5_000), (#"(\w+\s?)*[!?]"#, "word ", 2_000),
        ("a*[bc]", "a", 1_000_000), ("(?:.*,){20}[xy]", "1,", 10_000), (#"(.*)\1\1[xy]"#, "ab", 5_000),
    ])
    func aRunAwayPatternIsGivenUp(_ source: String, _ unit: String, _ count: Int) throws {
        let pattern = try Pattern(source)
        let text = String(repeating: unit, count: count) + "-"
        #expect(throws: PatternExhausted.self) { try pattern.matches(text) }
    }

    /// Each of them stays within the bound of one search.
    @Test func searchesShareAnAllowance() throws {
        let pattern = try Pattern("(a+)+$")
        let text = String(repeating: "a", count: 16) + "!"
        var left = Pattern.maxPageSteps
        var found = 0
        #expect(throws: PatternExhausted.self) {
            while found < 1000 {
                if try pattern.matches(text, within: &left) { break }
                found += 1
            }
        }
        #expect(left <= 0 && (20...200).contains(found), "\(found) searches")
        #expect(throws: PatternExhausted.self) { try pattern.matches("a", within: &left) }
        #expect(try pattern.matches("a"))
    }

    @Test func linearSearchesUseNothingUp() throws {
        let pattern = try Pattern(#"/z/\d+\.html$"#)
        var left = Pattern.maxPageSteps
        for number in 0..<20_000 {
            #expect(try pattern.matches("http://site.test/some/long/path/z/\(number).html", within: &left))
        }
        #expect(left == Pattern.maxPageSteps)
    }

    /// What is linear in the text is not.
    @Test(arguments: [
        ("needle", true), (#"\d+"#, false), ("[^a]+$", true), (#"(?i)NEEDLE\s*$"#, true), ("x*$", true),
    ])
    func aLinearSearchOfALongTextIsNot(_ source: String, _ isFound: Bool) throws {
        let text = String(repeating: "a", count: 5_000_000) + "needle"
        #expect(try Pattern(source).matches(text) == isFound)
    }

    @Test func aSearchWithoutAllowanceStillReadsAShortText() throws {
        var allowance = 0
        #expect(try Pattern("^$").firstGroup(in: "", within: &allowance) == "")
        #expect(try Pattern(#"(\d+) km"#).firstGroup(in: "12 km", within: &allowance) == "12")
    }

    /// One step of PCRE2 compares a back-reference with as much text as its group took.
    @Test(arguments: [#"(?i)^(a*)\1c"#, #"(?<x>a*)\k<x>c"#])
    func aBackReferenceSearchesNoLongText(_ source: String) throws {
        let pattern = try Pattern(source)
        let long = String(repeating: "a", count: 10_000_000)
        #expect(throws: PatternExhausted.self) { try pattern.matches(long) }
        let longest = String(repeating: "-", count: Pattern.maxBackReferenceTextBytes - 3) + "aac"
        #expect(try pattern.matches(longest) == !source.contains("^"))
    }

    @Test func aPatternIsUsedFromManyThreadsAtOnce() async throws {
        let pattern = try Pattern(#"n=(\d+)"#)
        await withTaskGroup(of: Bool.self) { group in
            for number in 0..<200 {
                group.addTask { (try? pattern.firstGroup(in: "n=\(number)")) == "\(number)" }
            }
            for await isRight in group { #expect(isRight) }
        }
    }
}
