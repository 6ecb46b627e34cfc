import Testing

@testable import ScrapeService

@Suite struct RobotsFileTests {
    @Test(arguments: RobotsCase.all)
    func aFileSaysWhatItsCaseSays(_ one: RobotsCase) {
        let file = RobotsFile(one.file)
        for check in one.checks {
            switch check {
            case .path(let token, let path, let allowed):
                #expect(file.allows(path, for: token.lowercased()) == allowed, "\(token) \(path)")
            case .delay(let token, let seconds):
                let delay = file.rules(for: token).crawlDelay.map { $0 / .seconds(1) }
                #expect(delay == seconds, "\(token)")
            }
        }
        #expect(file.sitemaps == one.sitemaps)
    }

    @Test func theTableIsWhole() {
        #expect(RobotsCase.all.count >= 70)
        #expect(RobotsCase.all.allSatisfy { !$0.source.isEmpty && !$0.checks.isEmpty })
        #expect(RobotsCase.all.reduce(0) { $0 + $1.checks.count } >= 200)
    }

    @Test func aCrawlerWithoutANameObeysTheGroupForEverybody() {
        let file = RobotsFile(Array("user-agent: one\nallow: /\nuser-agent: *\ndisallow: /a".utf8))
        #expect(!file.allows("/a", for: nil))
        #expect(file.allows("/b", for: nil))
    }

    // MARK: The limit

    /// A file that is `excess` bytes longer than what is read, its last line `rule`.
    private func makeLongFile(excess: Int, rule: String) -> [UInt8] {
        let head = Array("user-agent: *\ndisallow: /first\n".utf8)
        let tail = Array(rule.utf8)
        let comment = RobotsFile.maxBytes + excess - head.count - tail.count - 1
        return head + [UInt8](repeating: UInt8(ascii: "#"), count: comment) + [0x0A] + tail
    }

    @Test func halfAMebibyteIsRead() {
        let file = RobotsFile(makeLongFile(excess: 0, rule: "disallow: /last\n"))
        #expect(RobotsFile.maxBytes >= 500 << 10)
        #expect(!file.allows("/first", for: nil) && !file.allows("/last", for: nil))
    }

    @Test func aLineThatIsCutIsNoRule() {
        // Cut to "disallow: /la", which would forbid more than its owner meant.
        let file = RobotsFile(makeLongFile(excess: 2, rule: "disallow: /last"))
        #expect(!file.allows("/first", for: nil))
        #expect(file.allows("/last", for: nil) && file.allows("/lanes", for: nil))
    }

    @Test func aLineThatEndsAtTheLimitIsWhole() {
        for end in ["\n", "\r"] {
            let file = RobotsFile(makeLongFile(excess: 1, rule: "disallow: /last" + end))
            #expect(!file.allows("/last/x", for: nil))
        }
    }

    @Test func whatIsBeyondIsIgnored() {
        let file = RobotsFile(makeLongFile(excess: 0, rule: "x\n") + Array("disallow: /\n".utf8))
        #expect(file.allows("/x", for: nil) && !file.allows("/first", for: nil))
    }

    @Test func oneEndlessLineForbidsNothing() {
        let file = RobotsFile(Array("user-agent: * ".utf8) + [UInt8](repeating: 0x41, count: 1 << 20))
        #expect(file.allows("/x", for: nil))
    }

    @Test func sitemapsAreRememberedUpToALimit() {
        let lines = (0..<2_000).map { "sitemap: http://h/\($0)\n" }.joined()
        #expect(RobotsFile(Array(lines.utf8)).sitemaps.count == RobotsFile.maxSitemaps)
    }

    // MARK: Hostile files

    /// Debug builds on a busy machine included; with an exponential or a cubic match it would be hours.
    private let patience = Duration.seconds(20)

    private func inTime<Value>(_ body: () -> Value) -> Value {
        let start = ContinuousClock.now
        let value = body()
        #expect(ContinuousClock.now - start < patience)
        return value
    }

    @Test func aPatternOfManyStarsTakesLinearTime() {
        let stars = String(repeating: "*a", count: 100_000)
        let file = RobotsFile(Array("user-agent: *\ndisallow: /\(stars)b$\ndisallow: /\(stars)c".utf8))
        let path = "/" + String(repeating: "a", count: 200_000)
        #expect(inTime { file.allows(path, for: nil) })
        #expect(!file.allows(path + "b", for: nil))
        #expect(!file.allows(path + "cd", for: nil))
    }

    @Test func aPartThatAlmostMatchesEverywhereTakesLinearTime() {
        let part = String(repeating: "a", count: 100_000)
        let file = RobotsFile(Array("user-agent: *\ndisallow: /*\(part)b".utf8))
        let path = "/" + String(repeating: part, count: 4)
        #expect(inTime { file.allows(path, for: nil) })
    }

    @Test func manyAgentsTimesManyRulesAreNotMultiplied() {
        let agents = (0..<16_000).map { "user-agent: agent\($0)\n" }.joined()
        let rules = (0..<16_000).map { "disallow: /\($0)\n" }.joined()
        let file = inTime { RobotsFile(Array((agents + rules).utf8)) }
        #expect(!file.allows("/7", for: "agent7"))
        // Every rule is kept once, not once an agent.
        #expect(file.footprintBytes < 16 << 20)
    }

    @Test func aFileFullOfStarsIsReadInBoundedTime() {
        let rules = (0..<3_000).map { "disallow: *\($0)z\n" }.joined()
        let file = RobotsFile(Array(("user-agent: *\n" + rules).utf8))
        let path = "/" + String(repeating: "1", count: 8_000)
        #expect(inTime { file.allows(path, for: nil) })
    }

    @Test func whiteSpaceWithoutEndTakesLinearTime() {
        let blanks = String(repeating: " ", count: 500_000)
        let file = RobotsFile(Array("user-agent: *\ndisallow: /a\(blanks)\n".utf8))
        #expect(inTime { !file.allows("/a", for: nil) })
    }
}
