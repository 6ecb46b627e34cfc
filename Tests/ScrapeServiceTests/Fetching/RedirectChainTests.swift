import Testing

@testable import ScrapeService

@Suite struct RedirectChainTests {
    private func follow(_ request: FetchRequest, _ steps: [(Int, String)]) throws -> RedirectChain {
        var chain = RedirectChain(request)
        for (status, location) in steps {
            let answer = CurlAnswer(
                status: status, location: Array(location.utf8), body: [], headerBytes: 0, seconds: 0)
            let follows = try chain.follow(answer, CurlURLs())
            #expect(follows)
        }
        return chain
    }

    @Test(arguments: [(301, false), (302, false), (303, false), (307, true), (308, true)])
    func aPostIsRepeatedOrBecomesAGet(status: Int, repeats: Bool) throws {
        let headers = [
            HeaderField(name: "Content-Type", value: "application/json"), HeaderField(name: "X", value: "1"),
        ]
        let chain = try follow(makeFetch("http://a/", body: [1, 2], headers: headers), [(status, "/b")])
        #expect(chain.body == (repeats ? [1, 2] : nil))
        #expect(chain.headers.map(\.name) == (repeats ? ["Content-Type", "X"] : ["X"]))
    }

    @Test(arguments: [
        ("PUT", 301, "PUT"), ("PUT", 302, "PUT"), ("PUT", 303, "GET"), ("PUT", 307, "PUT"),
        ("PATCH", 308, "PATCH"),
        ("DELETE", 302, "DELETE"), ("DELETE", 303, "GET"), ("POST", 302, "GET"), ("POST", 307, "POST"),
        ("GET", 303, "GET"), ("GET", 307, "GET"),
    ])
    func theMethodChangesWhereTheStandardSaysSo(method: String, status: Int, becomes: String) throws {
        var request = makeFetch("http://a/", body: method == "GET" ? nil : [1])
        request.method = method
        let chain = try follow(request, [(status, "/b")])
        #expect(chain.method == becomes)
        #expect(chain.body == (becomes == "GET" ? nil : [1]))
    }

    @Test func aPostWithoutABodyHasAnEmptyOne() {
        var request = makeFetch("http://a/")
        #expect(RedirectChain(request).method == "GET")
        request.method = "POST"
        #expect(RedirectChain(request).body == [])
    }

    @Test(arguments: [
        ("http://a/x", true), ("//a/x", true), ("/x", true), ("http://a:80/x", true), ("http://A/x", true),
        ("http://u@a/", true), ("https://a/x", false), ("http://a:81/x", false), ("http://b/x", false),
        ("http://a./x", false), ("http://b.a/x", false),
    ])
    func anOriginIsSchemeHostAndPort(location: String, same: Bool) throws {
        let headers = ["Authorization", "COOKIE", "Host"].map { HeaderField(name: $0, value: "1") }
        let chain = try follow(makeFetch("http://a/", headers: headers), [(302, location)])
        #expect(chain.headers.isEmpty != same)
    }

    @Test func anotherOriginGetsOnlyWhatIsKnownToBeHarmless() throws {
        let names = [
            "X-Api-Key", "Accept", "PRIVATE-TOKEN", "content-type", "X-A", "Range", "Content-Encoding",
        ]
        let request = makeFetch(
            "http://a/", body: [1], headers: names.map { HeaderField(name: $0, value: "1") })
        let same = try follow(request, [(307, "/b")])
        #expect(same.headers.map(\.name) == names)
        let other = try follow(request, [(307, "http://b/")])
        #expect(other.headers.map(\.name) == ["Accept", "content-type", "Range", "Content-Encoding"])
        #expect(other.body == [1])
        #expect(try follow(request, [(303, "http://b/")]).headers.map(\.name) == ["Accept", "Range"])
        #expect(
            try follow(request, [(307, "http://b/"), (307, "http://a/")]).headers == other.headers,
            "the way back brings nothing back")
    }

    @Test func theWayBackBringsNothingBack() throws {
        let headers = [HeaderField(name: "Authorization", value: "1")]
        let steps = [(302, "http://b/"), (302, "http://a/")]
        let chain = try follow(makeFetch("http://u:p@a/", headers: headers), steps)
        #expect(chain.headers.isEmpty)
        #expect(chain.target == "http://a/")
    }

    @Test(arguments: [
        ("http://a/x", "http://u:p@a/x"), ("/x", "http://u:p@a/x"), ("http://v@a/x", "http://v@a/x"),
        ("http://b/x", "http://b/x"), ("http://v:q@b/x", "http://v:q@b/x"), ("https://a/x", "https://a/x"),
        ("http://a/x@y", "http://u:p@a/x@y"),
    ])
    func credentialsOfTheURLGoToItsOriginOnly(location: String, target: String) throws {
        #expect(try follow(makeFetch("http://u:p@a/"), [(302, location)]).target == target)
    }

    @Test func anAnswerThatIsNoRedirectIsTheLast() throws {
        var chain = RedirectChain(makeFetch("http://a/"))
        let answer = CurlAnswer(status: 200, body: [], headerBytes: 0, seconds: 0)
        let follows = try chain.follow(answer, CurlURLs())
        #expect(!follows)
        #expect(chain.url.text == "http://a/")
    }
}
