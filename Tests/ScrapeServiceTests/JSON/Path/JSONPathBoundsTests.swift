import Testing

@testable import ScrapeService

/// Hostile documents and queries end: in time, in memory, at worst with an error.
@Suite struct JSONPathBoundsTests {
    private func document(_ text: String) throws -> JSONDocument { try JSONDocument(Array(text.utf8)) }

    private func select(_ path: String, _ document: JSONDocument) throws -> Int {
        var evaluator = JSONPathEvaluator(document)
        return try evaluator.select(try JSONPath(path)).count
    }

    private static func nested(_ depth: Int) -> String {
        String(repeating: "[", count: depth) + String(repeating: "]", count: depth)
    }

    @Test func aDocumentNestedDeeperThanTheBoundIsNoJSON() throws {
        #expect(throws: JSONError.self) { try document(Self.nested(100_000)) }
        #expect(throws: JSONError.self) { try document(String(repeating: #"{"a":"#, count: 1_000_000)) }
        let deepest = try document(Self.nested(JSONRules.web.maxDepth))
        #expect(try select("$..*", deepest) == JSONRules.web.maxDepth - 1)
        #expect(try select("$[?@==$[0]]", deepest) == 1)
        #expect(deepest.value(of: 0).bytes.count == 2 * JSONRules.web.maxDepth)
    }

    @Test func aMillionMembersAreAsked() throws {
        let text = "{" + (0..<1_000_000).map { "\"m\($0)\":\($0)" }.joined(separator: ",") + "}"
        let large = try document(text)
        #expect(try select("$.m999999", large) == 1)
        #expect(try select("$[?@>=999990]", large) == 10)
        #expect(try select("$.*", large) == 1_000_000)
    }

    private static let nests = 120

    private func documentOfNests() throws -> JSONDocument {
        try document("[" + Array(repeating: Self.nested(900), count: Self.nests).joined(separator: ",") + "]")
    }

    @Test(arguments: [
        "$..*..*..*", "$..*..*..*..*..*", "$..[?count(@..*)>1]", "$..[?@..[?@..[?@==1]]]",
    ])
    func aQueryThatMultipliesIsGivenUp(_ path: String) throws {
        let deep = try documentOfNests()
        #expect(throws: JSONPathExhausted.self) { try select(path, deep) }
    }

    /// The first thing found ends a test of existence.
    @Test func aTestOfExistenceDoesNotMultiply() throws {
        #expect(try select("$..[?@..[?@..*]]", try documentOfNests()) == Self.nests * 898)
    }

    @Test func tooManyMatchesAreGivenUpButTheFirstIsFound() throws {
        let wide = try document("[" + Array(repeating: "0", count: 1001).joined(separator: ",") + "]")
        #expect(throws: JSONPathExhausted.self) { try select(wildcards: 1000, wide) }
        var evaluator = JSONPathEvaluator(wide)
        #expect(try evaluator.selectFirst(JSONPath("$[*]")) == 1)
    }

    private func select(wildcards: Int, _ document: JSONDocument) throws -> Int {
        try select("$[\(Array(repeating: "*", count: wildcards).joined(separator: ","))]", document)
    }

    /// Two hundred thousand elements beside values that take long to read.
    private static let costly: JSONDocument = {
        let long = String(repeating: #"\u0041"#, count: 200_000)
        let members = (0..<20_000).map { #""m\#($0)":0"# }.joined(separator: ",")
        let replaced = Array(repeating: #""x":0"#, count: 200_000).joined(separator: ",")
        let text = """
            {"a":{\(members)},"s":"\(long)","n":\(String(repeating: "7", count: 200_000)),
            "c":{"\(long)":0,"d":1},"r":{\(replaced)},
            "b":[\(Array(repeating: "{}", count: 200_000).joined(separator: ","))]}
            """
        do { return try JSONDocument(Array(text.utf8)) } catch { fatalError("\(error)") }
    }()

    @Test func readingLongTextsAgainAndAgainRunsOut() throws {
        for path in ["$.b[?$.s==@]", "$.b[?$.n==@]"] {
            #expect(throws: JSONPathExhausted.self, "\(path)") { try select(path, Self.costly) }
        }
        #expect(throws: JSONPathExhausted.self, "queries on nothing") {
            try select(
                "$.b[?" + Array(repeating: "@.x", count: 150).joined(separator: "||") + "]", Self.costly)
        }
    }

    @Test(arguments: [
        "-9223372036854775808", "9223372036854775807", "-9007199254740992", "99999999999999999999",
    ])
    func anIntegerBeyondTheBoundIsAMistake(_ integer: String) throws {
        for path in [
            "$[\(integer)]", "$[\(integer):]", "$[:\(integer)]", "$[::\(integer)]", "$[?@[\(integer)]]",
        ] {
            #expect(throws: JSONPathError.self, "\(path)") { try JSONPath(path) }
        }
        for edge in ["9007199254740991", "-9007199254740991"] {
            let three = try document("[1,2,3]")
            for path in ["$[\(edge)]", "$[\(edge)::\(edge)]", "$[:\(edge):-1]"] {
                _ = try select(path, three)
            }
        }
    }

    /// What a worker's stack of 4 MiB must take, here with half of it.
    @Test func theLargestQueryIsEvaluatedOnAWorkersStack() throws {
        let nests = 90
        let segments = (JSONPathParser.maxSegments - nests) / 2
        let steps = String(repeating: "[*]", count: segments)
        var path = "@" + steps
        for _ in 1..<nests { path = "@[?" + path + "]" }
        let query = try JSONPath("$" + steps + "[?" + path + "]")
        #expect(throws: JSONPathError.self) { try JSONPath("$[*][*]" + steps + "[?" + path + "]") }
        let count = try onThread(stackBytes: 2 << 20) {
            var evaluator = JSONPathEvaluator(try JSONDocument(Array(Self.nested(900).utf8)))
            return try evaluator.select(query).count
        }
        #expect(count == 1)
    }

    /// Each search alone stays within the bound of one.
    @Test func regularExpressionsThatAlmostRunAwayAreGivenUpTogether() throws {
        let string = "\"" + String(repeating: "a", count: 16) + "!\""
        let many = "[" + Array(repeating: string, count: 1000).joined(separator: ",") + "]"
        #expect(try select("$[?match(@, '(a+)+')]", document("[\(string)]")) == 0)
        #expect(throws: JSONPathExhausted.self) { try select("$[?match(@, '(a+)+')]", document(many)) }
        #expect(try select("$[?match(@, 'a+!')]", document(many)) == 1000)
    }

    @Test func aRegularExpressionThatRunsAwayIsGivenUp() throws {
        let text =
            "["
            + Array(repeating: "\"" + String(repeating: "a", count: 60) + "!\"", count: 3).joined(
                separator: ",") + "]"
        #expect(throws: JSONPathExhausted.self) { try select("$[?match(@, '(a+)+')]", document(text)) }
    }
}
